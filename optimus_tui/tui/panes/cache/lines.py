"""How a row of the cache tree looks: columns, words and inks. Pure: totals and details in, pieces of text out."""

from collections.abc import Sequence
from typing import NamedTuple

from optimus_tui.contract.cache import GroupTotals, KeyDetail
from optimus_tui.tui.panes.cache.rows import KeyRow
from optimus_tui.tui.widgets.columns import Cell, Column, fit_cell
from optimus_tui.tui.widgets.figures import first_that_fits, fit_count
from optimus_tui.tui.widgets.inks import Piece
from optimus_tui.tui.widgets.names import name_pieces
from optimus_tui.tui.widgets.table import Table
from optimus_tui.wording.numbers import UNKNOWN, compact
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size
from optimus_tui.wording.ttl import ttl

BLOCKS = "▁▂▃▄▅▆▇"
DETAIL_SECONDS = 15.0
"""For so long what was read of one key is fresher than what the last sweep knew of it."""
PREFIX = b"cache:"


class GroupLine(NamedTuple):
    """A kind or a tenant as it is drawn. ``matched`` are its keys that pass the filter; None without a filter."""

    group: GroupTotals
    opened: bool
    matched: int | None
    partial: bool
    """Not all keys were read: counts are lower bounds."""


class KeyLine(NamedTuple):
    """A key as it is drawn."""

    row: KeyRow
    left: "Left"
    detail: KeyDetail | None


def _name_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return None  # its name may use the empty column of counts
    group = line.group
    raw, indent, ink = group.kind, "", ""
    if group.tenant is not None:
        raw, indent, ink = group.tenant, "  ", "bright"
    room = cells - len(indent) - 2
    mark, name = (f"{indent}▸ ", "quiet"), [(fit_cell("(unparsed)", room), "quiet")]
    if line.opened:
        mark = (f"{indent}▾ ", "accent")
    if raw:
        name = name_pieces(raw, room, ink)
    return [mark, *name]


def _keys_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return [("      ", ""), *name_pieces(short_name(line.row), cells - 6, line.left.name_ink)]
    return _keys(line.group.keys, line.matched, line.partial, cells), ""


def _ttl_cell(line: GroupLine | KeyLine, _: int) -> Cell:
    if isinstance(line, KeyLine):
        return line.left.words, line.left.ink
    return spread(line.group), "quiet"


def _size_cell(line: GroupLine | KeyLine, _: int) -> Cell:
    if isinstance(line, KeyLine):
        return _size_words(line.detail, ""), "quiet"
    if line.group.bytes_used is None:
        return UNKNOWN, "quiet"
    return size(line.group.bytes_used, estimate=not line.group.bytes_exact), "quiet"


def _tail_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return _type_words(line.detail, ""), "quiet"
    return fit_count(line.group.without_ttl, cells), "quiet" * (line.group.without_ttl == 0)


def _size_words(detail: KeyDetail | None, unknown: str) -> str:
    if detail is None or detail.bytes_used is None:
        return unknown
    return size(detail.bytes_used)


def _type_words(detail: KeyDetail | None, unknown: str) -> str:
    if detail is None:
        return unknown
    return detail.type or unknown


def _table(keys_width: int) -> Table[GroupLine | KeyLine]:
    return Table(
        Column("name", "", 8, _name_cell, grow=1, most=72),
        Column("keys", "keys", keys_width, _keys_cell, "right"),
        Column("ttl", "TTL", 8, _ttl_cell, "right"),
        Column("size", "size", 8, _size_cell, "right"),
        Column("tail", "no TTL", 7, _tail_cell, "right"),
    )


TABLE, FILTERED = _table(7), _table(13)
"""The second while a filter is on, where there is room for ``12 of 1,247``."""


def table_for(width: int, filtered: bool) -> Table[GroupLine | KeyLine]:
    """Return the table that is drawn in so many cells."""
    if filtered and width >= 60:
        return FILTERED
    return TABLE


def head_pieces(width: int, filtered: bool, sort: str, reverse: bool) -> list[Piece]:
    """Return the titles: an arrow stands at the column that orders the keys."""
    table = table_for(width, filtered)
    titles = {column.id: column.title for column in table.columns}
    forms = ("  kind ▸ tenant ▸ key  ", "  kind ▸ key  ", "  key  ")
    titles["name"] = first_that_fits(forms, table.widths(width)["name"])
    place = {"key": "name"}.get(sort, sort)
    arrow = "↑↓"[reverse != (sort == "size")]
    titles[place] = f"{titles[place].rstrip()} {arrow}"
    return table.head(width, titles=titles)


def _keys(keys: int, matched: int | None, partial: bool, width: int) -> str:
    least = "≥" * partial
    if matched is None:
        return least + fit_count(keys, width - len(least))
    return first_that_fits(
        (f"{matched:,} of {least}{keys:,}", f"{compact(matched)} of {least}{compact(keys)}", compact(matched)), width
    )


def spread(group: GroupTotals) -> str:
    """Return seven bars, the tallest bin full; a bin that holds anything stands above the line. Empty without a TTL."""
    most = max(group.histogram, default=0)
    if not most:
        return ""
    steps = len(BLOCKS) - 1
    heights = [max(n > 0, round(n / most * steps)) for n in group.histogram]
    return "".join(BLOCKS[height] for height in heights)


def short_name(row: KeyRow) -> bytes:
    """Return the part of a key's name that its kind and tenant do not say already."""
    prefix = group_prefix(row.group)
    if prefix == PREFIX:
        return row.name
    return row.name.removeprefix(prefix)


def group_prefix(group: GroupTotals) -> bytes:
    """Return what every key's name in a group begins with."""
    parts = [part for part in (group.kind, group.tenant) if part]
    return PREFIX + b"".join(part + b":" for part in parts)


class Left:
    """How long a key has left, in words: from the look at it when that is fresh, else from the last sweep."""

    __slots__ = ("gone", "ink", "name_ink", "seconds", "words")

    def __init__(self, expires_ms: int, detail: KeyDetail | None, mono: float) -> None:
        self.gone, self.ink, self.name_ink = False, "quiet", "bright"
        self.seconds: float | None = None
        if expires_ms >= 0:
            self.seconds = expires_ms / 1000 - mono
        never = expires_ms == -1
        if detail is not None and mono - detail.taken_mono <= DETAIL_SECONDS:
            never = detail.immortal
            if detail.ttl_ms is not None:
                self.seconds = detail.taken_mono + detail.ttl_ms / 1000 - mono
            self.gone = detail.gone
        if self.gone:
            self.words, self.name_ink = "gone", "quiet"
        elif never:
            self.seconds, self.words, self.ink = None, "∞ none", ""
        else:
            self.words = ttl(self.seconds)


def fact_lines(row: KeyRow, left: Left, detail: KeyDetail | None) -> Sequence[tuple[str, str]]:
    """Return name and value of everything known about one key without reading its value."""
    hexed, expires = row.name[:256].hex(" "), left.words
    if len(row.name) > 256:
        hexed += f" … {len(row.name):,} bytes in all"
    if expires.startswith("∞"):
        expires = "never expires"
    return [
        ("key", safe_text(row.name, 2_000)),
        ("bytes", hexed),
        ("kind", safe_text(row.group.kind) or "(unparsed)"),
        ("tenant", safe_text(row.group.tenant or b"") or "(unparsed)"),
        ("type", _type_words(detail, "not read yet")),
        ("TTL", expires),
        ("size", _size_words(detail, "not read yet")),
    ]
