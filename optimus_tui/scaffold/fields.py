"""The fields of a resource's model: read ``price:float?=9.5``, check it, and write it as Python. Pure.

A default is read by its field's type and written by ``literal``, so that no text of a caller becomes code.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from optimus_tui.scaffold.names import SpecError, check_field_name
from optimus_tui.wording.safe import safe_text

MAX_FIELDS = 40
LONGEST_LITERAL = 46
"""Characters of a default written as Python, so that a line with the longest name still fits."""


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
        """The line in the model."""
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


_WORDS = {
    "str": "a text of one character or more",
    "int": "a whole number of up to 18 digits",
    "float": "a decimal number such as 9.5",
    "bool": "true or false",
}


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
