"""What a router is made from: its name, its fields and the answers, each checked, with a sentence on refusal."""

import builtins
import keyword
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, get_args

from msgspec import Struct

from optimus_tui.contract.tools.traffic import Operation, RouterType
from optimus_tui.wording.safe import safe_text

RULE = "a lower-case letter, then up to 39 lower-case letters, digits or _, and no word of the language"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_SOFT = frozenset(("_", "case", "match", "type"))
"""Soft keywords of all Python versions: the code may run on another one than this."""
TAKEN_ROUTERS = ("app", "main", "routers", "utils", "config", "conftest", "test")
_DEVICE = re.compile(r"(con|nul|prn|aux|com[0-9]|lpt[0-9])", re.ASCII)
"""Device names of Windows, where no folder can hold a file of this name."""
TAKEN_FIELDS = (
    "id", "str", "int", "float", "bool", "dt", "copy", "dict", "json", "schema", "schema_json", "validate",
    "construct", "from_orm", "parse_file", "parse_obj", "parse_raw", "update_forward_refs",
)  # fmt: skip
_IMPORTED = frozenset(
    """
    APIRouter Annotated Any AsyncIterator BaseModel Cache CacheManager CircuitOpenError Coherence ConfigDict Depends
    Engine EnterpriseRateLimiter FakeAsyncRedis FakeEngine FakeServer FastAPI Field FiniteFloat HTTPException
    InvalidationType Iterator Limiter Literal Page Paging Path Protocol Query Response Settings Source Store
    StringConstraints Tenant Text ValidationError
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
MAX_FIELDS = 40
LONGEST_LITERAL = 46
"""Characters of a default written as Python, so that a line with the longest name still fits."""
_WORDS = {
    "str": "a text of one character or more",
    "int": "a whole number of up to 18 digits",
    "float": "a decimal number such as 9.5",
    "bool": "true or false",
}
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
ROUTER_TYPES: tuple[RouterType, ...] = get_args(RouterType)
READS: frozenset[Operation] = frozenset({"list", "get"})
OF_ONE: frozenset[Operation] = frozenset({"get", "update", "delete"})


class SpecError(ValueError):
    """An answer that makes no router.

    Attributes:
        argument: Which answer.
        allowed: The values that are allowed; None if they cannot be listed.
    """

    def __init__(self, argument: str, message: str, allowed: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.argument, self.allowed = argument, allowed


def is_word(name: str) -> bool:
    """Return True for a keyword, also one that is a keyword only in places."""
    return keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _SOFT


def check_name(name: object, argument: str, taken: Collection[str], what: str) -> str:
    """Return the name. ``what``: how a person calls the thing.

    Raises:
        SpecError: It is not a plain name, or in ``taken``.
    """
    shown = safe_text(name if isinstance(name, str) else repr(name), 60)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or is_word(name):
        raise SpecError(argument, f"{shown!r} cannot name {what}: it must be {RULE}")
    if name in taken:
        raise SpecError(argument, f"{shown!r} cannot name {what}: none of {', '.join(taken)} can")
    return name


def check_router_name(name: object) -> str:
    """Return a name for the router's file, path and operations.

    Raises:
        SpecError: It cannot be one.
    """
    checked = check_name(name, "router_name", TAKEN_ROUTERS, "a router")
    if _DEVICE.fullmatch(checked):
        raise SpecError("router_name", f"{checked!r} cannot name a router: it must be {RULE}, and no device of Windows")
    return checked


def check_field_name(name: object) -> str:
    """Return a name for a field of the resource's model.

    Raises:
        SpecError: It cannot be one.
    """
    if name == "id":
        raise SpecError("fields", "'id' cannot name a field: every resource has one already, given where it is kept")
    checked = check_name(name, "fields", TAKEN_FIELDS, "a field")
    if checked.startswith("model_"):
        raise SpecError("fields", f"{checked!r} cannot name a field: pydantic keeps what begins with model_ for itself")
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


class FieldType(Struct, frozen=True):
    """One type of field: how code writes it, how a default is read, and two values for the tests."""

    annotation: str
    read: Callable[[str], Any]
    samples: tuple[Any, Any]


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", text, re.ASCII):
        raise ValueError
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _text(text: str) -> str:
    text.encode()
    if not text or "\0" in text:
        raise ValueError
    return text


def _no_default(text: str) -> Any:
    raise ValueError


TYPES: Mapping[str, FieldType] = {
    "str": FieldType("Text", _text, ("first", "second")),
    "int": FieldType("int", _whole, (3, 4)),
    "float": FieldType("FiniteFloat", _number, (1.5, 2.5)),
    "bool": FieldType("bool", _truth, (True, False)),
    "date": FieldType("dt.date", _no_default, ("2025-01-29", "2025-01-30")),
    "datetime": FieldType("dt.datetime", _no_default, ("2025-01-29T10:30:00Z", "2025-01-30T10:30:00Z")),
}


class Field(Struct, frozen=True):
    """One field. ``default`` counts only with ``has_default``; an optional field without a default is None."""

    name: str
    type: str
    optional: bool = False
    has_default: bool = False
    default: Any = None

    @property
    def required(self) -> bool:
        """Whether a caller must send it."""
        return not self.optional and not self.has_default

    @property
    def code(self) -> str:
        """Return the field's line in the generated model."""
        written = f"{self.name}: {TYPES[self.type].annotation}{' | None' * self.optional}"
        if self.required:
            return written
        return f"{written} = {literal(self.default)}"


DEFAULT_FIELDS = (Field("name", "str"), Field("description", "str", optional=True))
"""The model of a router without named fields."""


def literal(value: Any) -> str:
    """Return a value as Python code, with the quotes that a formatter would choose."""
    written = repr(value)
    if not isinstance(value, str) or written[0] == '"' or value.count('"') > value.count("'"):
        return written
    inner = written[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


def parse_field(text: str) -> Field:
    """Read ``name:type``, ``name:type?``, ``name:type=default`` or ``name:type?=default``.

    Raises:
        SpecError: The name, the type or the default is wrong.
    """
    name, colon, rest = text.partition(":")
    check_field_name(name)
    kind, equals, default = rest.partition("=")
    optional, kind = kind.endswith("?"), kind.removesuffix("?")
    if not colon or kind not in TYPES:
        shown = safe_text(kind, 40)
        raise SpecError("fields", f"the field {name} needs one of the known types, not {shown!r}", tuple(TYPES))
    if not equals:
        return Field(name, kind, optional)
    return make_field(name, kind, optional, default)


def make_field(name: str, kind: str, optional: bool = False, default: str | None = None) -> Field:
    """Return a field from single answers; ``default`` is text, or None for no default.

    Raises:
        SpecError: The name, the type or the default is wrong.
    """
    if default is None:
        return parse_field(f"{name}:{kind}{'?' * optional}")
    check_field_name(name)
    if kind not in TYPES:
        raise SpecError("fields", f"the field {name} needs one of the known types", tuple(TYPES))
    if TYPES[kind].read is _no_default:
        raise SpecError("fields", f"the field {name} is a {kind}, which takes no default: make it optional with ?")
    try:
        value = TYPES[kind].read(default)
    except (ValueError, KeyError):
        shown = safe_text(default, 40)
        raise SpecError("fields", f"the default {shown!r} of the field {name} is not {_WORDS[kind]}") from None
    if len(literal(value)) > LONGEST_LITERAL:
        raise SpecError("fields", f"the default of the field {name} is too long: {LONGEST_LITERAL - 2} characters fit")
    return Field(name, kind, optional, has_default=True, default=value)


def parse_fields(texts: Iterable[str]) -> tuple[Field, ...]:
    """Return all fields in their order; the default model without any.

    Raises:
        SpecError: A field is wrong, named twice, or one too many.
    """
    fields = tuple(parse_field(text) for text in texts)
    names = [field.name for field in fields]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise SpecError("fields", f"the field {twice} is named twice")
    if len(fields) > MAX_FIELDS:
        raise SpecError("fields", f"{len(fields)} fields are too many: {MAX_FIELDS} fit one model")
    return fields or DEFAULT_FIELDS


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
