"""A field of a resource's model: its name, the types that it may have, their bounds, and their values as code."""

import datetime as dt
import keyword
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from optimus_tui.wording.safe import safe_text

PLAIN_RULE = "a lower-case letter, then up to 39 lower-case letters, digits or _"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_SOFT = frozenset(("_", "case", "match", "type"))
"""Soft keywords of all Python versions: the code may run on another one than this."""
_RESERVED = frozenset(
    """
    bool construct copy dict dt float from_orm int json list parse_file parse_obj parse_raw schema schema_json str
    update_forward_refs validate
    """.split()  # noqa: SIM905 - quotes are harder to read
)
"""Names that a model has already, or that the generated annotations use: the attribute gets another one."""
MAX_FIELDS = 40
MAX_VALUES = 30
LONGEST_LITERAL = 46
"""Characters of a default written as Python, so that a line with the longest name still fits."""
LONGEST_DESCRIPTION = 80
LONGEST_LENGTH = 1_000_000
TEXT_LENGTHS = {"min_length": 1, "max_length": 2000}
"""The lengths of a text for which none are named."""
LIST_LENGTHS = {"min_length": 0, "max_length": 100}
LENGTHS = tuple(TEXT_LENGTHS)
LIMITS = ("ge", "gt", "le", "lt")


class SpecError(ValueError):
    """An answer from which no router can be made.

    Attributes:
        argument: Which answer.
        allowed: The values that are allowed; None if they cannot be listed.
    """

    def __init__(self, argument: str, message: str, allowed: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.argument, self.allowed = argument, allowed


def is_word(name: str) -> bool:
    """Return True for a keyword of Python, including those that are keywords only in some places."""
    return keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _SOFT


def check_name(name: object, argument: str, what: str, rule: str, taken: Collection[str] = ()) -> str:
    """Return the name.

    Args:
        name: What is to be checked.
        argument: The answer that it belongs to.
        what: What messages call the thing.
        rule: What a name must be.
        taken: Names that cannot be used.

    Raises:
        SpecError: It is not a plain name, or in ``taken``.
    """
    shown = safe_text(name if isinstance(name, str) else repr(name), 60)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(argument, f"{shown!r} cannot name {what}: it must be {rule}")
    if name in taken:
        raise SpecError(argument, f"{shown!r} cannot name {what}: none of {', '.join(taken)} can")
    return name


def check_field_name(name: object, nested: bool = False) -> str:
    """Return the checked name of a field. Callers send and get it unchanged.

    Args:
        name: The name.
        nested: The field is one of a nested model, which has no id of its own.

    Raises:
        SpecError: It cannot be one.
    """
    if name == "id" and not nested:
        raise SpecError("fields", "'id' cannot name a field: every resource has one already, given where it is kept")
    return check_name(name, "fields", "a field", PLAIN_RULE)


class FieldType(Struct, frozen=True):
    """One type of value.

    Attributes:
        annotation: Its type annotation in models that callers send.
        bare: Its annotation in answers, which have no bounds.
        read: Returns the value that a text stands for; ValueError or KeyError where it is none.
        samples: Two values for the tests.
        words: What a text must be to be read.
        options: The bounds that it takes.
        wrong: A value that is refused whatever the bounds are; None if none is known.
    """

    annotation: str
    bare: str
    read: Callable[[str], Any]
    samples: tuple[Any, Any]
    words: str
    options: tuple[str, ...] = ()
    wrong: Any = None


def _matched(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError
    return text


def _whole(text: str) -> int:
    return int(_matched(r"[+-]?[0-9]{1,18}", text))


def _number(text: str) -> float:
    value = float(_matched(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", text))
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


def _exact(text: str) -> Decimal:
    return Decimal(_matched(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", text))


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(_matched(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}", text))


def _time(text: str) -> dt.datetime:
    pattern = r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})"
    return dt.datetime.fromisoformat(_matched(pattern, text)).astimezone(dt.UTC)


def _uuid(text: str) -> UUID:
    return UUID(_matched(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))


def _email(text: str) -> str:
    return _matched(r"[!#-&(-;=?A-~]{1,64}@[!#-&(-;=?A-~]{1,189}", text)


def _url(text: str) -> str:
    return _matched(r"https?://[!#-&(-;=?-~]{1,190}", text)


_MORNING = dt.datetime(2025, 1, 29, 10, 30, tzinfo=dt.UTC)
TYPES: Mapping[str, FieldType] = {
    "str": FieldType("Text", "str", _text, ("first", "second"), "a text of one character or more", LENGTHS),
    "int": FieldType("int", "int", _whole, (3, 4), "a whole number of up to 18 digits", LIMITS),
    "float": FieldType("FiniteFloat", "float", _number, (1.5, 2.5), "a decimal number such as 9.5", LIMITS, "nan"),
    "bool": FieldType("bool", "bool", _truth, (True, False), "true or false"),
    "date": FieldType(
        "dt.date",
        "dt.date",
        _day,
        (_MORNING.date(), _MORNING.date() + dt.timedelta(days=1)),
        "a day such as 2025-01-29",
        LIMITS,
    ),
    "datetime": FieldType(
        "dt.datetime",
        "dt.datetime",
        _time,
        (_MORNING, _MORNING + dt.timedelta(days=1)),
        "a time with its zone such as 2025-01-29T10:30:00Z",
        LIMITS,
    ),
    "decimal": FieldType(
        "Decimal",
        "Decimal",
        _exact,
        (Decimal("9.50"), Decimal("10.25")),
        "a decimal number such as 9.50",
        LIMITS,
        "NaN",
    ),
    "uuid": FieldType(
        "UUID",
        "UUID",
        _uuid,
        (UUID("6f1c2a34-0000-4000-8000-000000000001"), UUID("6f1c2a34-0000-4000-8000-000000000002")),
        "a UUID in small letters, with hyphens",
        wrong="1",
    ),
    "email": FieldType(
        "Email", "str", _email, ("first@example.com", "second@example.com"), "an address", wrong="nobody"
    ),
    "url": FieldType(
        "Url",
        "str",
        _url,
        ("https://example.com/first", "https://example.com/second"),
        "an http or https address",
        wrong="ftp://example.com",
    ),
}
"""The types that have a name. Besides: ``enum``, whose values are named, and ``model``, whose fields are."""
KNOWN_TYPES = (*TYPES, "enum[A,B]", "list[TYPE]", "{NAME:TYPE,…}")
"""What a person may write for a type."""


class Field(Struct, frozen=True):
    """One field. ``default`` counts only with ``has_default``; an optional field without a default is None.

    Attributes:
        name: Its name for callers.
        type: A name in ``TYPES``, ``enum`` or ``model``.
        is_list: It holds any number of values of the type.
        bounds: The bounds of each value that were named, in the order of ``options``.
        lengths: The lengths of the list that were named.
        values: The values of an enum.
        fields: The fields of a nested model.
        description: What it means, for the OpenAPI description; empty for nothing.
    """

    name: str
    type: str
    optional: bool = False
    has_default: bool = False
    default: Any = None
    is_list: bool = False
    bounds: tuple[tuple[str, Any], ...] = ()
    lengths: tuple[tuple[str, int], ...] = ()
    values: tuple[str, ...] = ()
    fields: "tuple[Field, ...]" = ()
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether a caller must send it."""
        return not self.optional and not self.has_default

    @property
    def attribute(self) -> str:
        """Its name in the generated code. It differs from ``name`` only if Python or pydantic reserves that."""
        if keyword.iskeyword(self.name) or self.name in _RESERVED:
            return f"{self.name}_"
        if self.name.startswith("model_"):
            return f"field_{self.name}"
        return self.name

    @property
    def is_aliased(self) -> bool:
        """Whether the field, or one nested in it, has another name in the code than in the API."""
        return self.attribute != self.name or any(each.is_aliased for each in self.fields)

    @property
    def class_part(self) -> str:
        """Its part in the name of a class or type made for this field alone."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    @property
    def has_type_name(self) -> bool:
        """Whether the code names its type: an enum, a nested model, or a list whose values have bounds."""
        return bool(self.values or self.fields or (self.is_list and self.bounds))

    def _in_use(self, usual: Mapping[str, int], named: tuple[tuple[str, int], ...]) -> dict[str, int]:
        """Return both lengths: those that were named, else the usual ones."""
        return {**usual, **dict(named)}

    @property
    def text_lengths(self) -> dict[str, int]:
        """The shortest and the longest text that it takes."""
        return self._in_use(TEXT_LENGTHS, self.bounds)

    @property
    def list_lengths(self) -> dict[str, int]:
        """The fewest and the most values that the list takes."""
        return self._in_use(LIST_LENGTHS, self.lengths)


DEFAULT_FIELDS = (Field("name", "str"), Field("description", "str", optional=True))
"""The model of a router without named fields."""


def literal(value: Any) -> str:
    """Return a value as Python code, with the quotes that a formatter would choose."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(literal(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(each)}' for key, each in value.items())}}}"
    if isinstance(value, Decimal):
        return f'Decimal("{value:f}")'
    if isinstance(value, UUID):
        return f'UUID("{value}")'
    if isinstance(value, dt.datetime):
        parts = [value.year, value.month, value.day, value.hour, value.minute, *[value.second] * bool(value.second)]
        return f"dt.datetime({', '.join(map(str, parts))}, tzinfo=dt.timezone.utc)"
    if isinstance(value, dt.date):
        return f"dt.date({value.year}, {value.month}, {value.day})"
    written = repr(value)
    if not isinstance(value, str) or written[0] == '"' or value.count('"') > value.count("'"):
        return written
    inner = written[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


def wire(value: Any) -> Any:
    """Return a value as it is sent in JSON."""
    if isinstance(value, (list, tuple)):
        return [wire(each) for each in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date):  # A datetime is one, too.
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    return value


def all_fields(fields: Iterable[Field]) -> list[Field]:
    """Return the fields and those of nested models."""
    return [each for field in fields for each in (field, *field.fields)]


def when(condition: object, *items: str) -> tuple[str, ...]:
    """Return the items if the condition holds, else none."""
    if not condition:
        return ()
    return items
