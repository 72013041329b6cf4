"""The checked answers for one router: everything that the templates need. Pure."""

from collections.abc import Iterable
from typing import get_args

from msgspec import Struct

from optimus_tui.contract.tools.router import Operation, RouterType
from optimus_tui.scaffold.fields import DEFAULT_FIELDS, TYPES, Field, parse_fields
from optimus_tui.scaffold.names import SpecError, check_router_name, class_name, singular
from optimus_tui.wording.safe import safe_text

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
ROUTER_TYPES: tuple[RouterType, ...] = get_args(RouterType)
READS: frozenset[Operation] = frozenset({"list", "get"})
OF_ONE: frozenset[Operation] = frozenset({"get", "update", "delete"})


class RouterSpec(Struct, frozen=True, kw_only=True):
    """One router. ``operations`` are in the order of the documentation, however they were given."""

    name: str
    type: RouterType = "proxy"
    operations: tuple[Operation, ...] = ("list", "create", "get", "update")
    rate_limiting: bool = True
    caching: bool = True
    fields: tuple[Field, ...] = DEFAULT_FIELDS

    @property
    def one(self) -> str:
        """The singular, as in ``product_id``."""
        return singular(self.name)

    @property
    def entity(self) -> str:
        """The model's class."""
        return class_name(self.one)

    @property
    def paths(self) -> tuple[str, str]:
        """The router's file and its test's, relative to the gateway's root."""
        return f"src/backend/routers/{self.name}.py", f"tests/test_{self.name}.py"

    @property
    def reads(self) -> tuple[Operation, ...]:
        """The operations that a cache can answer."""
        return tuple(each for each in self.operations if each in READS)

    @property
    def writes(self) -> tuple[Operation, ...]:
        """The operations that change something."""
        return tuple(each for each in self.operations if each not in READS)

    @property
    def has_engine(self) -> bool:
        """Whether the router calls the AI Engine."""
        return self.type != "direct"

    @property
    def has_store(self) -> bool:
        """Whether the router has a store of the gateway's own."""
        return self.type != "proxy"

    def operation(self, each: str) -> str:
        """Return the name of a function and of its limit: ``list_products``, ``get_product``."""
        return f"{each}_{self.name if each == 'list' else self.one}"

    def uses(self, *annotations: str) -> bool:
        """Return True if a field has one of these types, as code writes them."""
        return any(TYPES[field.type].annotation in annotations for field in self.fields)


def make_spec(
    name: object,
    router_type: str = "proxy",
    operations: Iterable[str] = ("list", "create", "get", "update"),
    *,
    rate_limiting: bool = True,
    caching: bool = True,
    fields: Iterable[str] = (),
) -> RouterSpec:
    """Return a checked spec from answers as text.

    Raises:
        SpecError: An answer is wrong; the error names it.
    """
    checked = check_router_name(name)
    kind = next((each for each in ROUTER_TYPES if each == router_type), None)
    if kind is None:
        raise SpecError("router_type", f"{safe_text(router_type, 40)!r} is not a type of router", ROUTER_TYPES)
    wanted = tuple(operations)
    unknown = next((each for each in wanted if each not in OPERATIONS), None)
    if unknown is not None:
        raise SpecError("operations", f"{safe_text(unknown, 40)!r} is not an operation", OPERATIONS)
    if not wanted:
        raise SpecError("operations", "a router needs one operation or more", OPERATIONS)
    return RouterSpec(
        name=checked,
        type=kind,
        operations=tuple(each for each in OPERATIONS if each in wanted),
        rate_limiting=rate_limiting,
        caching=caching,
        fields=parse_fields(fields),
    )
