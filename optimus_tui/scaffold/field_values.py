"""Values of fields for the tests of a router, as sent in JSON: plain ones, at a bound, and beyond it."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from optimus_tui.scaffold.fields import TYPES, Field, literal, wire

Place = tuple[str, str]
"""A field, or one of a nested model as ``address.street``, and a value of it as Python code."""


def body(fields: Iterable[Field], at: int = 0) -> dict[str, Any]:
    """Return a valid body with a value for each field; ``at`` 1 gives a different one."""
    return {field.name: plain_value(field, at) for field in fields}


def least_body(fields: Iterable[Field]) -> dict[str, Any]:
    """Return a valid body with the required fields only."""
    return {field.name: _each_model(field, least_body) for field in fields if field.required}


def whole_body(fields: Iterable[Field]) -> dict[str, Any]:
    """Return ``least_body`` as it is stored: with the defaults filled in."""
    return {field.name: _each_model(field, whole_body) if field.required else wire(field.default) for field in fields}


def old_body(fields: Iterable[Field], whole: bool = False) -> dict[str, Any]:
    """Return a body as an older item may have it: without fields that have a default, and beyond today's bounds.

    Args:
        fields: The fields.
        whole: Return the answer for such an item instead: with each default filled in.
    """
    return {
        field.name: _old_value(field, whole) if field.required else wire(field.default)
        for field in fields
        if field.required or whole
    }


def _each_model(field: Field, make: Any) -> Any:
    """Return the field's plain value, with what ``make`` returns in the place of each nested model."""
    value = plain_value(field)
    if field.type != "model":
        return value
    one = make(field.fields)
    if field.is_list:
        return [one for _ in value]
    return one


def plain_value(field: Field, at: int = 0) -> Any:
    """Return a valid value; ``at`` 1 gives a different one if the bounds allow it."""
    pair = [wire(each) for each in _pair(field)]
    if not field.is_list:
        return pair[at]
    lengths = field.list_lengths
    values = [pair[0]] if at == 0 else [pair[1], pair[0]]
    while len(values) < lengths["min_length"]:
        values.append(pair[len(values) % 2])
    return values[: lengths["max_length"]]


def _pair(field: Field) -> tuple[Any, Any]:
    """Return two values within the bounds; the same one twice where there is no other."""
    if field.type == "model":
        return body(field.fields), body(field.fields, 1)
    if field.type == "enum":
        return field.values[0], field.values[-1]
    samples = TYPES[field.type].samples
    if field.type == "str":
        low, high = field.text_lengths.values()
        first, second = (text[:high].ljust(low, "x") for text in samples)
        return first, second
    found = dict.fromkeys((*samples, *_numbers_between(field)))
    inside = [value for value in found if not _is_beyond(field, value)]
    return inside[0], inside[min(1, len(inside) - 1)]


def _is_beyond(field: Field, value: Any) -> bool:
    for word, bound in field.bounds:
        if value == bound and word in ("gt", "lt"):
            return True
        if (value < bound and word in ("ge", "gt")) or (value > bound and word in ("le", "lt")):
            return True
    return False


def _step(field: Field) -> Any:
    """Return a small difference of two values: half of what is between the bounds where that is less."""
    if field.type == "date":
        return dt.timedelta(days=1)
    if field.type == "datetime":
        return dt.timedelta(seconds=1)
    if field.type == "int":
        return 1
    half: Any = Decimal("0.5") if field.type == "decimal" else 0.5
    ends = [bound for _, bound in field.bounds]
    if len(ends) == 2 and 0 < abs(ends[1] - ends[0]) < 2 * half:
        return abs(ends[1] - ends[0]) / 2
    return half


def _inward(field: Field, word: str) -> Any:
    """Return the step from a bound to a valid value: up from a lower bound, down from an upper one."""
    if word in ("ge", "gt"):
        return _step(field)
    return -_step(field)


def _numbers_between(field: Field) -> Iterator[Any]:
    """Yield what is at each bound, then beside it."""
    for word, bound in field.bounds:
        step = _inward(field, word)
        yield from (bound, bound + step, bound + 2 * step)


def edges(fields: Sequence[Field]) -> list[Place]:
    """Return the last valid value at each bound that was given."""
    return list(_places(fields, _edges_of))


def beyond(fields: Sequence[Field]) -> list[Place]:
    """Return values that must be refused: beyond each bound, not in the enum, of another type."""
    return list(_places(fields, _beyond_of))


def _places(fields: Sequence[Field], values_of: Any) -> Iterator[Place]:
    seen = set[str]()
    """Types whose usual bounds were tried: they stand once in the code, for all fields."""
    for field in fields:
        yield from ((field.name, code) for code in values_of(field, seen))
        for inner in field.fields:
            yield from ((f"{field.name}.{inner.name}", code) for code in values_of(inner, seen))


def _edges_of(field: Field, seen: set[str]) -> Iterator[str]:
    """Yield valid values at the bounds, as code."""
    if field.optional:
        yield "None"
    for code in _value_edges(field, seen):
        yield _in_list(field, code)
    if field.is_list:
        low, high = field.list_lengths.values()
        if field.type != "model":
            yield from (_repeated(field, length) for length in {low: 0, high: 0})
        else:
            yield f"[BODY[{literal(field.name)}][0]] * {high}"


def _value_edges(field: Field, seen: set[str]) -> Iterator[str]:
    if field.type == "str" and (field.bounds or "str" not in seen):
        seen.update(() if field.bounds else ("str",))
        yield from (_text_of(length) for length in dict.fromkeys(field.text_lengths.values()))
    elif field.type == "enum":
        yield from (literal(value) for value in field.values)
    elif field.type != "str":
        for word, bound in field.bounds:
            inward = _inward(field, word)
            yield literal(wire(bound + inward if word in ("gt", "lt") else bound))


def _beyond_of(field: Field, seen: set[str]) -> Iterator[str]:
    """Yield values that must be refused, as code."""
    if not field.optional:
        yield "None"
    for code in _value_beyond(field, seen):
        yield _in_list(field, code)
    if field.is_list:
        low, high = field.list_lengths.values()
        if field.type != "model":
            yield from (_repeated(field, length) for length in (low - 1, high + 1) if length >= 0)
        else:
            yield f"[BODY[{literal(field.name)}][0]] * {high + 1}"
            yield from (f"[BODY[{literal(field.name)}][0]] * {length}" for length in (low - 1,) if length >= 0)


def _value_beyond(field: Field, seen: set[str]) -> Iterator[str]:
    if field.type == "model":
        yield literal("none")
        if any(each.required for each in field.fields):
            yield "{}"
    elif field.type == "enum":
        yield literal(_foreign(field.values))
    elif field.type == "str":
        if field.bounds or "str" not in seen:
            seen.update(() if field.bounds else ("str",))
            low, high = field.text_lengths.values()
            yield from (_text_of(length) for length in (low - 1, high + 1) if length >= 0)
    else:
        wrong = TYPES[field.type].wrong
        if wrong is not None and field.type not in seen:
            seen.add(field.type)
            yield literal(wrong)
        for word, bound in field.bounds:
            outward = -_inward(field, word)
            yield literal(wire(bound if word in ("gt", "lt") else bound + outward))


def _foreign(values: Sequence[str]) -> str:
    """Return a text that is none of the values."""
    text = "none of these"
    while text in values:
        text += "x"
    return text


def _text_of(length: int) -> str:
    if length > 1:
        return f'"x" * {length}'
    return literal("x" * length)


def _in_list(field: Field, code: str) -> str:
    """Return a value as one of a list, which is as long as the list must be."""
    if not field.is_list:
        return code
    low = field.list_lengths["min_length"]
    if low > 1:
        return f"[{code}] * {low}"
    return f"[{code}]"


def _repeated(field: Field, length: int) -> str:
    """Return a list of plain values of this length, as code."""
    if length == 0:
        return "[]"
    one = f"[{literal(wire(_pair(field)[0]))}]"
    if length > 1:
        return f"{one} * {length}"
    return one


def _old_value(field: Field, whole: bool) -> Any:
    """Return a value that today's bounds refuse and that has the type of an answer."""
    if field.type == "model":
        old: Any = old_body(field.fields, whole)
    elif field.type == "enum" or TYPES[field.type].bare == "str":
        old = ""
    elif field.bounds:
        word, bound = field.bounds[0]
        outward = -_inward(field, word)
        old = wire(bound + outward)
    else:
        old = wire(_pair(field)[0])
    if field.is_list:
        return [old]
    return old
