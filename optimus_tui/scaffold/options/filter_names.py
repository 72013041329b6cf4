"""Which fields a list can be filtered and sorted by. Pure."""

from collections.abc import Iterable

from optimus_tui.scaffold.fields import Field, SpecError
from optimus_tui.wording.safe import safe_text

_TAKEN = ("cursor", "limit", "offset", "request", "self", "sort", "source")
"""Names that the list has for its own parameters."""


def check_filters(names: Iterable[object], fields: tuple[Field, ...], taken: Iterable[str] = ()) -> tuple[Field, ...]:
    """Return the fields that are named, in their own order.

    Args:
        names: What was asked for.
        fields: The router's fields.
        taken: Names that its path has already.

    Raises:
        SpecError: A name is not a field, or no list can be filtered by it.
    """
    by_name = {field.name: field for field in fields}
    wanted = tuple(names)
    for name in wanted:
        field = by_name.get(name) if isinstance(name, str) else None
        if field is None:
            shown = safe_text(name if isinstance(name, str) else repr(name), 60)
            raise SpecError("filters", f"{shown!r} is not a field that a list can be filtered by", tuple(by_name))
        if field.is_list or field.type == "model":
            raise SpecError("filters", f"the field {field.name} has more than one value: no list is filtered by it")
        if field.name in (*_TAKEN, *taken):
            raise SpecError("filters", f"the list has a parameter {field.name} of its own: give the field another name")
    return tuple(field for field in fields if field.name in wanted)
