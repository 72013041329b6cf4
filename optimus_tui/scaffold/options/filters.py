"""Filters of a generated list: the fields that it can be filtered and sorted by, as code and in the tests. Pure."""

from decimal import Decimal
from typing import Any

from optimus_tui.scaffold.field_values import plain_value
from optimus_tui.scaffold.fields import TYPES, Field, literal, when
from optimus_tui.scaffold.lay import lay, lay_items, tuple_of
from optimus_tui.scaffold.spec import RouterSpec

_TEXTS = ("str", "email", "url")
_LONGEST = 2000


def filter_context(spec: RouterSpec, takes_body: bool) -> dict[str, Any]:
    """Return the filters' variables for the router's template."""
    fields = spec.filters
    words = [literal(word) for field in fields for word in (field.name, f"-{field.name}")]
    enums = [field for field in fields if field.type == "enum" and not takes_body]
    return {
        "filter_types": [
            lay(f"{spec.models.type_name(field)} = Literal[", [literal(value) for value in field.values], "]")
            for field in enums
        ],
        "filter_given": [*when(fields, "filters")],
        "filter_taken": [*when(fields, "filters: Filters")],
        "sorting": lay("Sorting = Literal[", words, "]"),
        "parameters": lay("PARAMETERS = (", _parameters(spec), ")"),
        "filter_takes": [_parameter(spec, field) for field in fields],
        "given": lay_items("        given = ", {field.name: field.attribute for field in fields}),
        "filter_columns": {field.name: _column(spec, field) for field in fields},
        "has_times": any(field.type == "datetime" for field in fields),
        "value_of": "item.model_dump(by_alias=True)[key]" if spec.is_aliased else "getattr(item, key)",
    }


def _parameters(spec: RouterSpec) -> list[str]:
    """Return the names of all parameters that the list takes, as code."""
    own = ["limit", *(("source", "cursor") if spec.type == "hybrid" else ("offset",)), "sort"]
    return [literal(each) for each in (*(each.name for each in spec.filters), *own)]


def _column(spec: RouterSpec, field: Field) -> str:
    """Return the column that a field is compared by: in SQLite a decimal is kept as text."""
    column = f"{spec.entity}Row.{field.attribute}"
    if field.type == "decimal":
        return f"sa.cast({column}, sa.Numeric())"
    return column


def _parameter(spec: RouterSpec, field: Field) -> str:
    if field.type == "enum":
        kind = spec.models.type_name(field)
    else:
        kind = TYPES[field.type].bare.replace("float", "FiniteFloat")
    options = [*when(field.attribute != field.name, f"alias={literal(field.name)}")]
    options += when(field.type in _TEXTS, f"max_length={_LONGEST}")
    if options:
        return f"{field.attribute}: Annotated[{kind} | None, Query({', '.join(options)})] = None"
    return f"{field.attribute}: {kind} | None = None"


def names_in_filters(spec: RouterSpec) -> set[str]:
    """Return the names that the filters need from other modules."""
    if not spec.filters:
        return set()
    found = {
        "HTTPException",
        "Request",
        "Query",
        "Annotated",
        "Any",
        "Literal",
        "hashlib",
        "json",
        "to_jsonable_python",
    }
    for field in spec.filters:
        if field.type != "enum":
            found.add(TYPES[field.type].bare.partition(".")[0].replace("float", "FiniteFloat"))
    return found


def filter_trial_context(spec: RouterSpec) -> dict[str, Any]:
    """Return the filters' variables for the tests' template."""
    pairs = {field.name: _low_and_high(field) for field in spec.filters}
    wrong = [field.name for field in spec.filters if field.type not in _TEXTS]
    return {
        "filter_pairs": {name: f"({literal(low)}, {literal(high)})" for name, (low, high) in pairs.items()},
        "filter_wrong": {name: literal("nothing") for name in wrong},
        "filter_known": _parameters(spec),
        "filter_texts": tuple_of([literal(field.name) for field in spec.filters if field.type in _TEXTS]),
        "filter_nullable": [literal(field.name) for field in spec.filters if field.optional],
    }


def _low_and_high(field: Field) -> tuple[Any, Any]:
    """Return two values as they are sent, the lower one first; one twice where the bounds leave no other."""
    values = [plain_value(field, at) for at in (0, 1)]
    low, high = sorted(values, key=(lambda value: Decimal(value)) if field.type == "decimal" else None)
    return low, high
