"""Read a field as a person writes it. The syntax is the same on every surface.

``NAME:TYPE[(OPTIONS)][?][=DEFAULT]``, where TYPE is a name in ``TYPES``, ``enum[A,B]``, ``list[TYPE]`` or
``{NAME:TYPE,…}``, and OPTIONS are ``ge=1, lt=100``, ``min_length=2, max_length=80`` and ``description="…"``.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from optimus_tui.scaffold.fields import (
    DEFAULT_FIELDS,
    KNOWN_TYPES,
    LENGTHS,
    LONGEST_DESCRIPTION,
    LONGEST_LENGTH,
    LONGEST_LITERAL,
    MAX_FIELDS,
    MAX_VALUES,
    TYPES,
    Field,
    SpecError,
    all_fields,
    check_field_name,
    literal,
    when,
)
from optimus_tui.wording.safe import safe_text

LONGEST_FIELD = 4000
"""Characters of one field, with everything nested in it."""
_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.+/ -]{0,38}[A-Za-z0-9_.+/-])?", re.ASCII)
_BOUND = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,5})?", re.ASCII)
"""Bounds of numbers beside which there are others, whatever the machine makes of them."""
_QUOTES = ("'", '"')


def parse_fields(texts: Iterable[str]) -> tuple[Field, ...]:
    """Return all fields in their order; the default model without any.

    Raises:
        SpecError: A field is wrong, named twice, or one too many.
    """
    fields = tuple(parse_field(text) for text in texts)
    _check_together(fields)
    if len(all_fields(fields)) > MAX_FIELDS:
        raise SpecError("fields", f"{len(all_fields(fields))} fields are too many: {MAX_FIELDS} fit one model")
    return fields or DEFAULT_FIELDS


def parse_field(text: str) -> Field:
    """Read one field.

    Raises:
        SpecError: The name, the type, an option or the default is wrong.
    """
    name = check_field_name(text.partition(":")[0])
    if len(text) > LONGEST_FIELD:
        raise SpecError("fields", f"the field {name} is too long: {LONGEST_FIELD} characters are allowed")
    reader = _Reader(text)
    field = reader.field(nested=False)
    if reader.rest:
        raise SpecError("fields", _behind(field.name, reader.rest))
    return field


def make_field(name: str, kind: str, optional: bool = False, default: str | None = None) -> Field:
    """Return a field from single answers; ``default`` is text, or None for no default.

    Raises:
        SpecError: The name, the type, an option or the default is wrong.
    """
    check_field_name(name)
    field = parse_field(f"{name}:{kind}{'?' * optional}")
    if field.has_default or field.optional != optional:
        raise SpecError("fields", f"the type of the field {name} ends before ? and =: give these separately")
    if default is None:
        return field
    return with_default(field, default)


def with_default(field: Field, text: str) -> Field:
    """Return the field with a default.

    Raises:
        SpecError: The text is not a value of the field.
    """
    if field.type in ("model", "datetime") and not (field.is_list and text == "[]"):
        what = "nested model" if field.fields else "datetime"
        raise SpecError(
            "fields", f"the field {field.name} is a {what}, which takes no default: make it optional with ?"
        )
    value = _list_default(field, text) if field.is_list else _value(field, text, "default")
    _check_inside(field, value)
    if isinstance(value, (str, list)) and len(literal(value)) > LONGEST_LITERAL:
        raise SpecError(
            "fields", f"the default of the field {field.name} is too long: {LONGEST_LITERAL - 2} characters fit"
        )
    return replace(field, has_default=True, default=value)


def _list_default(field: Field, text: str) -> list[Any]:
    if not (text.startswith("[") and text.endswith("]")):
        shown = safe_text(text, 40)
        raise SpecError("fields", f"the default {shown!r} of the field {field.name} is not a list: write [] or [a,b]")
    inner = text[1:-1].strip()
    if inner:
        return [_value(field, each.strip(), "default") for each in inner.split(",")]
    return []


def _value(field: Field, text: str, what: str) -> Any:
    """Return a value of the field, or of one of its list's places."""
    words = f"one of {', '.join(field.values)}"
    try:
        if field.type != "enum":
            words = TYPES[field.type].words
            return TYPES[field.type].read(text)
        if text in field.values:
            return text
    except (ValueError, KeyError, ArithmeticError):
        pass
    shown = safe_text(text, 40)
    raise SpecError("fields", f"the {what} {shown!r} of the field {field.name} is not {safe_text(words, 200)}")


_BEYOND = {
    "ge": lambda value, bound: value < bound,
    "gt": lambda value, bound: value <= bound,
    "le": lambda value, bound: value > bound,
    "lt": lambda value, bound: value >= bound,
}


def _check_inside(field: Field, default: Any) -> None:
    """Refuse a default that is beyond a bound."""
    values = default if field.is_list else [default]
    for value in values:
        numbers = [word for word, bound in field.bounds if word in _BEYOND and _BEYOND[word](value, bound)]
        if field.type == "str":
            numbers += _too_short_or_long(len(value), field.text_lengths)
        _refuse_beyond(field, numbers)
    if field.is_list:
        _refuse_beyond(field, _too_short_or_long(len(default), field.list_lengths))


def _too_short_or_long(length: int, lengths: dict[str, int]) -> list[str]:
    if length < lengths["min_length"]:
        return ["min_length"]
    return ["max_length"] * (length > lengths["max_length"])


def _refuse_beyond(field: Field, broken: list[str]) -> None:
    if broken:
        raise SpecError("fields", f"the default of the field {field.name} is beyond its own {broken[0]}")


def _check_together(fields: tuple[Field, ...], inside: str = "") -> None:
    """Refuse fields of one model that would be one in the code."""
    for number, field in enumerate(fields):
        for other in fields[:number]:
            if field.name == other.name:
                raise SpecError("fields", f"the field {field.name} is named twice{inside}")
            same_type = field.has_type_name and other.has_type_name and field.class_part == other.class_part
            if field.attribute == other.attribute or same_type:
                raise SpecError(
                    "fields", f"the fields {other.name} and {field.name} would have one name in the code: rename one"
                )


def _behind(name: str, rest: str) -> str:
    """Return what is wrong with a text that goes on where a field ends."""
    if rest.startswith("("):
        return f"of the field {name}, the ? belongs behind the parentheses, as in str(max_length=80)?"
    return f"behind the type of the field {name} may follow (OPTIONS), ? and =DEFAULT, not {safe_text(rest, 40)!r}"


class _Reader:
    """Reads a field from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def rest(self) -> str:
        return self.text[self.at :]

    def skip(self) -> None:
        while self.rest[:1] == " ":
            self.at += 1

    def take(self, sign: str) -> bool:
        """Go behind a sign, with the blanks before it; False if another one is here."""
        self.skip()
        if self.rest[:1] != sign:
            return False
        self.at += 1
        return True

    def until(self, ends: str) -> str:
        """Return the text up to one of the signs, which is left; blanks at its ends are not of it."""
        start = self.at
        while self.rest and self.rest[0] not in ends:
            self.at += 1
        return self.text[start : self.at].strip()

    def field(self, nested: bool) -> Field:
        """Read a field. One that is nested ends at a comma or at the end of its model."""
        name = check_field_name(self.until(":,}" if nested else ":"), nested)
        if not self.take(":"):
            raise SpecError("fields", f"the field {name} needs a type, as in {name}:str", KNOWN_TYPES)
        field = self.options(self.type_of(name, nested))
        field = replace(field, optional=self.take("?"))
        if nested and self.take("="):
            return with_default(field, self.quoted(name) or self.until(",}"))
        if not nested and self.rest.startswith("="):
            field, self.at = with_default(field, self.rest[1:]), len(self.text)
        return field

    def type_of(self, name: str, nested: bool = False, in_list: bool = False) -> Field:
        """Read a type without its options."""
        self.skip()
        if self.rest.startswith("{"):
            if nested:
                raise SpecError("fields", f"the field {name} is a model in a nested model: one level is possible")
            return self.model(name)
        start = self.at
        while self.rest[:1].isalnum():
            self.at += 1
        word = self.text[start : self.at]
        if word == "list" and not in_list and self.take("["):
            one = self.options(self.type_of(name, nested, in_list=True), in_list=True)
            self.close("]", name, "list")
            return replace(one, is_list=True)
        if word == "enum" and self.take("["):
            return self.enum(name)
        if word in TYPES:
            return Field(name, word)
        shown = safe_text(self.text[start:], 40)
        raise SpecError("fields", f"the field {name} needs one of the known types, not {shown!r}", KNOWN_TYPES)

    def close(self, sign: str, name: str, what: str) -> None:
        """Go behind the sign that ends something.

        Raises:
            SpecError: Something else is here.
        """
        if not self.take(sign):
            raise SpecError("fields", f"the {what} of the field {name} needs its {sign} before {self._shown()}")

    def _shown(self) -> str:
        if self.rest:
            return repr(safe_text(self.rest, 40))
        return "the end"

    def model(self, name: str) -> Field:
        """Read the fields of a nested model."""
        self.take("{")
        fields = list[Field]()
        while not fields or self.take(","):
            self.skip()
            fields.append(self.field(nested=True))
        self.close("}", name, "model")
        _check_together(tuple(fields), f" in {name}")
        return Field(name, "model", fields=tuple(fields))

    def enum(self, name: str) -> Field:
        """Read the values of an enum."""
        values = list[str]()
        while not values or self.take(","):
            self.skip()
            values.append(self.quoted(name) or self.until(",]"))
            if not _VALUE.fullmatch(values[-1]):
                raise SpecError(
                    "fields",
                    f"{safe_text(values[-1], 40)!r} cannot be a value of the enum {name}: it must be up to 40 letters, "
                    "digits, blanks and any of _.+/-",
                )
        self.close("]", name, "enum")
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise SpecError("fields", f"the enum {name} has the value {twice} twice")
        if len(values) > MAX_VALUES:
            raise SpecError("fields", f"the enum {name} has {len(values)} values: {MAX_VALUES} are possible")
        return Field(name, "enum", values=tuple(values))

    def quoted(self, name: str) -> str:
        """Return what stands in quotes here; empty if nothing does."""
        self.skip()
        sign = self.rest[:1]
        if sign not in _QUOTES:
            return ""
        end = self.text.find(sign, self.at + 1)
        if end < 0:
            raise SpecError("fields", f"a text of the field {name} needs its {sign} at the end")
        inner, self.at = self.text[self.at + 1 : end], end + 1
        return inner

    def options(self, field: Field, in_list: bool = False) -> Field:
        """Read the options in parentheses, if there are any. ``in_list``: they are those of a list's values."""
        if not self.take("("):
            return field
        given = dict[str, str]()
        while not given or self.take(","):
            self.skip()
            word = self.until("=,)")
            allowed = (*_options_of(field), *when(not in_list, "description"))
            if word not in allowed:
                kind = "list" if field.is_list else field.type
                shown = safe_text(word, 40)
                raise SpecError(
                    "fields", f"{shown!r} is not an option for the {kind} of the field {field.name}", allowed or None
                )
            if not self.take("="):
                raise SpecError("fields", f"the option {word} of the field {field.name} needs a value: {word}=VALUE")
            if word in given:
                raise SpecError("fields", f"the field {field.name} has the option {word} twice")
            given[word] = self.quoted(field.name) or self.until(",)")
        self.close(")", field.name, "options")
        return _with_options(field, given)


def _options_of(field: Field) -> tuple[str, ...]:
    if field.is_list:
        return LENGTHS
    if field.type in TYPES:
        return TYPES[field.type].options
    return ()


def _with_options(field: Field, given: dict[str, str]) -> Field:
    """Return the field with options that were read as text."""
    description = given.pop("description", field.description)
    if description and (len(literal(description)) > LONGEST_DESCRIPTION + 2 or not description.isprintable()):
        raise SpecError(
            "fields", f"the description of the field {field.name} must be one line of {LONGEST_DESCRIPTION} characters"
        )
    named = tuple((word, _bound(field, word, given[word])) for word in _options_of(field) if word in given)
    if field.is_list:
        field = replace(field, lengths=named, description=description)
        _check_lengths(field, field.list_lengths)
        return field
    field = replace(field, bounds=named, description=description)
    if field.type == "str":
        _check_lengths(field, field.text_lengths)
    else:
        _check_limits(field)
    return field


def _bound(field: Field, word: str, text: str) -> Any:
    if word not in LENGTHS:
        if field.type in ("float", "decimal") and not _BOUND.fullmatch(text):
            shown = safe_text(text, 40)
            raise SpecError(
                "fields",
                f"the {word} {shown!r} of the field {field.name} is not a number "
                "of up to 9 digits and 5 after the point",
            )
        return _value(field, text, word)
    if not re.fullmatch(r"[0-9]{1,7}", text, re.ASCII) or int(text) > LONGEST_LENGTH:
        shown = safe_text(text, 40)
        raise SpecError(
            "fields", f"the {word} {shown!r} of the field {field.name} is not a length from 0 to {LONGEST_LENGTH}"
        )
    return int(text)


def _check_lengths(field: Field, lengths: dict[str, int]) -> None:
    """Refuse lengths that nothing but an empty value, or nothing at all, has."""
    low, high = lengths["min_length"], lengths["max_length"]
    if low > high or high == 0:
        raise SpecError(
            "fields",
            f"no value of the field {field.name} can have a length from {low} to {high}: name a larger max_length",
        )


def _check_limits(field: Field) -> None:
    """Refuse two bounds on one side, and bounds that leave nothing between them."""
    bounds = dict(field.bounds)
    for pair in (("ge", "gt"), ("le", "lt")):
        if all(word in bounds for word in pair):
            raise SpecError("fields", f"the field {field.name} has both {pair[0]} and {pair[1]}: name one of them")
    low, high = (next((bounds[word] for word in pair if word in bounds), None) for pair in (("ge", "gt"), ("le", "lt")))
    if low is None or high is None:
        return
    open_ends = ("gt" in bounds) + ("lt" in bounds)
    if field.type in ("int", "date", "datetime"):
        is_empty = _steps(field, high - low) < open_ends
    else:
        is_empty = low > high or (low == high and open_ends > 0)
    if is_empty:
        raise SpecError("fields", f"no value of the field {field.name} is between its bounds: name others")


def _steps(field: Field, between: Any) -> int:
    """Return how many whole steps are between two bounds: days of dates, seconds of times."""
    if field.type == "datetime":
        return int(between.total_seconds())
    return int(getattr(between, "days", between))
