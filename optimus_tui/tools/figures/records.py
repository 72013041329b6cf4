"""The records of a document as one table: which of their keys are columns, and which belong to single records. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from optimus_tui.tools.pages.format_value import figure
from optimus_tui.wording.numbers import NEVER, NOTHING

QUIET = ("immortal",)
"""Keys that another column says already: an immortal key's TTL is "never"."""

_NO_NAMES = {"count": 0, "shapes": []}
_NONE: dict[str, tuple[Any, ...]] = {
    "omitted": (0,),
    "unparsed": (_NO_NAMES, {**_NO_NAMES, "shapes": ()}),
    "unknown_layout": (_NO_NAMES, {**_NO_NAMES, "shapes": ()}),
}
"""Keys with what they hold where there is none."""

UNASKED = ("not configured", "not checked", "skipped")
"""The status of what was not checked on purpose."""

SENTENCES = ("error",)
"""Keys whose values are too long for a column."""


class Layout(Struct, frozen=True):
    """``columns`` for all records, ``own`` further keys of each, and keys whose texts have ``many_lines``."""

    columns: tuple[str, ...]
    own: tuple[tuple[str, ...], ...]
    many_lines: tuple[str, ...]


def in_words(value: Any) -> Any:
    """Return a part of a document with estimates and bounds in words: ``≈ 320 ms``, ``≤ 10 s``.

    Percentiles of a histogram (``percentiles_from``) become texts, and so does what a finding measured. Counts of zero
    left-out rows or odd names are dropped.
    """
    if isinstance(value, (list, tuple)):
        return [in_words(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    shown = {key: in_words(one) for key, one in value.items() if not (key in _NONE and one in _NONE[key])}
    if words := shown.pop("measured_words", ""):
        shown["measured"] = words
    if shown.pop("percentiles_from", None) is not None:
        for part in ("p50", "p95", "p99"):
            bound, number = shown.pop(f"{part}_bound", None), shown.get(f"{part}_ms")
            if bound is not None or number is not None:
                shown[f"{part}_ms"] = bound or f"≈ {figure(f'{part}_ms', number)}"
    return shown


def layout(records: Sequence[Mapping[str, Any]]) -> Layout:
    """Return which keys at least half of the records have, and for each record its other keys.

    A key is left out of both where no record, or this record, holds anything under it. What only some records know (one
    test of four counts requests) would be a column of blanks, and what holds further values fits into no cell: both
    stand below the table, on the record's own line.
    """
    having: dict[str, int] = {}
    known: set[str] = set()
    many_lines: dict[str, None] = {}
    nested: set[str] = set()
    for one in records:
        for key, value in one.items():
            having[key] = having.get(key, 0) + 1
            if not _is_nothing(value) and key not in QUIET:
                known.add(key)
            if isinstance(value, str) and "\n" in value:
                many_lines[key] = None
            if key in SENTENCES or _is_nested(value):
                nested.add(key)
    known -= many_lines.keys()
    columns = tuple(key for key, count in having.items() if key in known - nested and count * 2 >= len(records))
    own = tuple(
        tuple(key for key, value in one.items() if key in known and key not in columns and not _is_nothing(value))
        for one in records
    )
    return Layout(columns, own, tuple(many_lines))


def cell(record: Mapping[str, Any], key: str) -> str:
    """Return one value of a record in words.

    The TTL of what never expires is ``never``. ``–`` stands for a key that the record lacks, for a null that means
    none, and for everything that was not asked for.
    """
    if key not in record or (record[key] is None and record.get("status") in UNASKED):
        return NOTHING
    if key == "ttl_seconds" and record.get(key) is None and record.get("immortal"):
        return NEVER
    return figure(key, record.get(key))


def _is_nested(value: object) -> bool:
    """Return True for what holds more than can stand in one cell."""
    return isinstance(value, dict) or (
        isinstance(value, (list, tuple)) and any(isinstance(one, (dict, list, tuple)) for one in value)
    )


def _is_nothing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, (list, tuple, dict)) and not value)
