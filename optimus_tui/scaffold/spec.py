"""What a router is made from: its name, its fields and the answers, each checked, with a sentence on refusal."""

import builtins
import re
from collections.abc import Collection, Iterable, Sequence
from typing import get_args

from msgspec import Struct

from optimus_tui.contract.tools.traffic import Operation, RouterStorage, RouterType
from optimus_tui.scaffold.field_code import ModelCode
from optimus_tui.scaffold.field_text import parse_fields
from optimus_tui.scaffold.fields import DEFAULT_FIELDS, PLAIN_RULE, Field, SpecError, check_name, is_word
from optimus_tui.scaffold.options.filter_names import check_filters
from optimus_tui.scaffold.target import GATEWAY, RouterTarget
from optimus_tui.wording.safe import safe_text

RULE = f"{PLAIN_RULE}, and no keyword of Python"
TAKEN_ROUTERS = ("app", "main", "routers", "utils", "config", "conftest", "test")
_DEVICE = re.compile(r"(con|nul|prn|aux|com[0-9]|lpt[0-9])", re.ASCII)
"""Device names of Windows, where no folder can hold a file of this name."""
_IMPORTED = frozenset(
    """
    Annotated Any APIRouter AsyncEngine AsyncIterator AsyncSession Awaitable Base BaseModel Cache CacheManager
    Callable CircuitOpenError Coherence ConfigDict Decimal Depends Email Engine EnterpriseRateLimiter FakeAsyncRedis
    FakeEngine FakeParents FakeServer FastAPI Field Filters FiniteFloat HTTPException InvalidationType Iterator
    JsonDict KnownParent Limiter Literal Mapped Narrowed OnErrorOmit OpenSession Page Paging ParentId ParentMemory
    Parents ParentStore Path Protocol Query Request Response Self Session Settings Sorting Source Store
    StringConstraints Tenant Text Url UUID ValidationError
    """.split()  # noqa: SIM905 - thirty quotes are harder to read
)
"""Class names that the generated files already use."""
_IRREGULAR = dict(
    pair.split("/")
    for pair in """
    people/person children/child men/man women/woman indices/index matrices/matrix vertices/vertex criteria/criterion
    movies/movie cookies/cookie calories/calorie selfies/selfie ties/tie caches/cache niches/niche heroes/hero
    statuses/status bonuses/bonus campuses/campus viruses/virus buses/bus aliases/alias canvases/canvas atlases/atlas
    biases/bias gases/gas lenses/lens quizzes/quiz analyses/analysis diagnoses/diagnosis crises/crisis
    leaves/leaf shelves/shelf knives/knife halves/half series/series species/species news/news alias/alias
    canvas/canvas atlas/atlas bias/bias gas/gas lens/lens goods/goods pandas/pandas
    """.split()  # noqa: SIM905
)
MAX_PARENTS = 3
LONGEST_PARENTS = 45  # characters of all their names: the lines with all ids have to fit
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
ROUTER_TYPES: tuple[RouterType, ...] = get_args(RouterType)
STORAGES: tuple[RouterStorage, ...] = get_args(RouterStorage)
READS: frozenset[Operation] = frozenset({"list", "get"})
OF_ONE: frozenset[Operation] = frozenset({"get", "update", "patch", "delete"})


def _plain(name: object, argument: str, what: str, taken: Collection[str] = ()) -> str:
    """Return a name that stands in the code as it is.

    Raises:
        SpecError: It cannot.
    """
    checked = check_name(name, argument, what, RULE, taken)
    if is_word(checked):
        raise SpecError(argument, f"{checked!r} cannot name {what}: it must be {RULE}")
    return checked


def check_router_name(name: object) -> str:
    """Return a name for the router's file, path and operations.

    Raises:
        SpecError: It cannot be one.
    """
    checked = _plain(name, "router_name", "a router", TAKEN_ROUTERS)
    if _DEVICE.fullmatch(checked):
        raise SpecError(
            "router_name", f"{checked!r} cannot name a router: it must be {RULE}, and not the name of a Windows device"
        )
    return checked


def singular(name: str) -> str:
    """Return the singular: ``product`` for ``products``, ``person`` for ``people``; the name itself if unsure."""
    head, _, last = name.rpartition("_")
    one = last
    if last in _IRREGULAR:
        one = _IRREGULAR[last]
    elif not re.search("[aeiouy]", last):  # An abbreviation such as sms or dns is not a plural.
        one = last
    elif last.endswith("ies") and len(last) > 4:
        one = last[:-3] + "y"
    elif last.endswith(("sses", "shes", "ches", "xes")):
        one = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 2:
        one = last[:-1]
    joined = f"{head}_{one}".removeprefix("_")
    if is_word(joined):
        return name
    return joined


def class_name(one: str) -> str:
    """Return ``OrderItem`` for ``order_item``; never a name that the generated files or Python use."""
    made = "".join(part.capitalize() for part in one.split("_"))
    constant = made.isupper() and len(made) > 1
    if constant or made in _IMPORTED or hasattr(builtins, made):
        return f"{made}Item"
    return made


class RouterSpec(Struct, frozen=True, kw_only=True):
    """One router. ``operations`` are in the order of the documentation, in whatever order they were given."""

    name: str
    type: RouterType = "proxy"
    storage: RouterStorage = "memory"
    operations: tuple[Operation, ...] = ("list", "create", "get", "update")
    rate_limiting: bool = True
    caching: bool = True
    fields: tuple[Field, ...] = DEFAULT_FIELDS
    filters: tuple[Field, ...] = ()
    """The fields that the list can be filtered and sorted by."""
    parents: tuple[str, ...] = ()
    """The collections that its path goes through: ``("orders",)`` for ``/orders/{order_id}/items``."""
    has_parent_store: bool = False
    """Whether the project has a router of the last parent, with a store that can be asked for one."""
    target: RouterTarget = GATEWAY

    @property
    def parent_ids(self) -> tuple[str, ...]:
        """The path parameters of its parents."""
        return tuple(f"{singular(each)}_id" for each in self.parents)

    @property
    def parent_path(self) -> str:
        """The path of its parent, with the parameters in braces; without a parent, the prefix of all routers."""
        pairs = zip(self.parents, self.parent_ids, strict=True)
        return self.target.prefix + "".join(f"/{each}/{{{key}}}" for each, key in pairs)

    @property
    def path(self) -> str:
        """The router's own path, with the parameters of its parents in braces."""
        if not self.parents:
            return f"{self.parent_path}/{self.name}"
        return f"{self.parent_path}/{self.name.removeprefix(f'{singular(self.parents[-1])}_')}"

    @property
    def one(self) -> str:
        """The singular of its name, as in ``product_id``."""
        return singular(self.name)

    @property
    def entity(self) -> str:
        """The name of the model's class."""
        return class_name(self.one)

    @property
    def paths(self) -> tuple[str, str]:
        """The router's file and its test's, relative to the project."""
        return self.target.router_path(self.name), self.target.test_path(self.name)

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
        """Whether the router has its own store in the gateway."""
        return self.type != "proxy"

    @property
    def has_table(self) -> bool:
        """Whether that store is a table of a database."""
        return self.has_store and self.storage == "sqlalchemy"

    def operation(self, each: str) -> str:
        """Return the name of a function and of its limit: ``list_products``, ``get_product``."""
        return f"{each}_{self.name if each == 'list' else self.one}"

    @property
    def is_aliased(self) -> bool:
        """Whether a field has another name in the code than in the API."""
        return any(field.is_aliased for field in self.fields)

    @property
    def has_unsent(self) -> bool:
        """Whether a change may omit a field that must not be null: its model then needs a default of its own."""
        return not all(field.optional for field in self.fields)

    @property
    def models(self) -> ModelCode:
        """The lines of its models."""
        return ModelCode(self.entity, self.fields)


def below(name: str, parents: Sequence[str]) -> str:
    """Return the name of a router below others: ``order_items`` for ``items`` below ``orders``."""
    head = f"{singular(parents[-1])}_" if parents else ""
    if name.startswith(head):
        return name
    return f"{head}{name}"


def check_parents(text: object) -> tuple[str, ...]:
    """Return the parents' names in a text such as ``orders`` or ``customers/orders``; empty for an empty text.

    Raises:
        SpecError: One cannot be a part of the path, or there are too many.
    """
    if not text:
        return ()
    parts = text.split("/") if isinstance(text, str) else [text]
    if len(parts) > MAX_PARENTS:
        raise SpecError("parent", f"{len(parts)} parents are too many: {MAX_PARENTS} are possible")
    names = tuple(_plain(each, "parent", "a parent") for each in parts)
    if sum(map(len, names)) > LONGEST_PARENTS:
        raise SpecError("parent", f"the names of the parents are too long: {LONGEST_PARENTS} letters fit all of them")
    return names


def _check_columns(fields: Iterable[Field], parent_ids: Sequence[str]) -> None:
    taken = ("tenant", "made", "metadata", "registry", *parent_ids)
    wrong = next((each.name for each in fields if each.name in taken), None)
    if wrong is not None:
        raise SpecError("fields", f"{wrong!r} cannot name a field of a table: none of {', '.join(taken)} can")


def make_spec(
    name: object,
    router_type: str = "proxy",
    operations: Iterable[str] = ("list", "create", "get", "update"),
    *,
    storage: str = "memory",
    rate_limiting: bool = True,
    caching: bool = True,
    fields: Iterable[str] = (),
    filters: Iterable[object] = (),
    parent: object = "",
    target: RouterTarget = GATEWAY,
) -> RouterSpec:
    """Return a checked spec from answers as text, for a place in a project.

    Raises:
        SpecError: An answer is wrong; the error names it.
    """
    parents = check_parents(parent)
    checked = check_router_name(below(check_router_name(name), parents))
    if len({singular(each) for each in (*parents, checked)}) <= len(parents):
        raise SpecError("parent", "two parents, or one and the router, would have one name for their ids: rename one")
    kind = next((each for each in ROUTER_TYPES if each == router_type), None)
    if kind is None:
        raise SpecError("router_type", f"{safe_text(router_type, 40)!r} is not a type of router", ROUTER_TYPES)
    kept = next((each for each in STORAGES if each == storage), None)
    if kept is None:
        raise SpecError("storage", f"{safe_text(storage, 40)!r} is not a storage", STORAGES)
    if kept != "memory" and kind != "direct":
        raise SpecError("storage", f"a {kind} router has no table: the storage {kept} is for the type direct")
    wanted = tuple(operations)
    unknown = next((each for each in wanted if each not in OPERATIONS), None)
    if unknown is not None:
        raise SpecError("operations", f"{safe_text(unknown, 40)!r} is not an operation", OPERATIONS)
    if not wanted:
        raise SpecError("operations", "a router needs one operation or more", OPERATIONS)
    made = parse_fields(fields)
    if kept != "memory":
        _check_columns(made, [f"{singular(each)}_id" for each in parents])
    filtered = check_filters(filters, made, [f"{singular(each)}_id" for each in parents])
    if filtered and "list" not in wanted:
        raise SpecError("filters", "there is no list to filter: filters need the operation list")
    return RouterSpec(
        name=checked,
        type=kind,
        storage=kept,
        operations=tuple(each for each in OPERATIONS if each in wanted),
        rate_limiting=rate_limiting,
        caching=caching,
        fields=made,
        filters=filtered,
        parents=parents,
        target=target,
    )
