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
    mark = (f"{indent}▾ ", "accent") if line.opened else (f"{indent}▸ ", "quiet")
    return [mark, *(name_pieces(raw, room, ink) if raw else [(fit_cell("(unparsed)", room), "quiet")])]


def _keys_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return [("      ", ""), *name_pieces(short_name(line.row), cells - 6, "quiet" if line.left.gone else "bright")]
    return _keys(line.group.keys, line.matched, line.partial, cells), ""


def _ttl_cell(line: GroupLine | KeyLine, _: int) -> Cell:
    return (line.left.words, line.left.ink) if isinstance(line, KeyLine) else (spread(line.group), "quiet")


def _size_cell(line: GroupLine | KeyLine, _: int) -> Cell:
    if isinstance(line, KeyLine):
        used = line.detail.bytes_used if line.detail else None
        return "" if used is None else size(used), "quiet"
    group = line.group
    return UNKNOWN if group.bytes_used is None else size(group.bytes_used, estimate=not group.bytes_exact), "quiet"


def _tail_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return (line.detail.type or "") if line.detail else "", "quiet"
    return fit_count(line.group.without_ttl, cells), "" if line.group.without_ttl else "quiet"


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
    return FILTERED if filtered and width >= 60 else TABLE


def head_pieces(width: int, filtered: bool, sort: str, reverse: bool) -> list[Piece]:
    """Return the titles: an arrow stands at the column that orders the keys."""
    table = table_for(width, filtered)
    titles = {column.id: column.title for column in table.columns}
    forms = ("  kind ▸ tenant ▸ key  ", "  kind ▸ key  ", "  key  ")
    titles["name"] = first_that_fits(forms, table.widths(width)["name"])
    place = "name" if sort == "key" else sort
    falling = reverse != (sort == "size")
    titles[place] = f"{titles[place].rstrip()} {'↓' if falling else '↑'}"
    return table.head(width, titles=titles)


def _keys(keys: int, matched: int | None, partial: bool, width: int) -> str:
    least = "≥" if partial else ""
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
    return "".join(BLOCKS[0] if not n else BLOCKS[max(1, round(n / most * steps))] for n in group.histogram)


def short_name(row: KeyRow) -> bytes:
    """Return the part of a key's name that its kind and tenant do not say already."""
    prefix = group_prefix(row.group)
    return row.name[len(prefix) :] if prefix != PREFIX and row.name.startswith(prefix) else row.name


def group_prefix(group: GroupTotals) -> bytes:
    """Return what every key's name in a group begins with."""
    parts = [part for part in (group.kind, group.tenant) if part]
    return PREFIX + b"".join(part + b":" for part in parts)


class Left:
    """How long a key has left, in words: from the look at it when that is fresh, else from the last sweep."""

    __slots__ = ("gone", "ink", "seconds", "words")

    def __init__(self, expires_ms: int, detail: KeyDetail | None, mono: float) -> None:
        self.gone, self.ink = False, "quiet"
        self.seconds: float | None = (expires_ms / 1000 - mono) if expires_ms >= 0 else None
        never = expires_ms == -1
        if detail is not None and mono - detail.taken_mono <= DETAIL_SECONDS:
            never = detail.immortal
            if detail.ttl_ms is not None:
                self.seconds = detail.taken_mono + detail.ttl_ms / 1000 - mono
            self.gone = detail.gone
        if self.gone:
            self.words = "gone"
        elif never:
            self.seconds, self.words, self.ink = None, "∞ none", ""
        else:
            self.words = ttl(self.seconds)


def fact_lines(row: KeyRow, left: Left, detail: KeyDetail | None) -> Sequence[tuple[str, str]]:
    """Return name and value of everything known about one key without reading its value."""
    hexed = row.name[:256].hex(" ") + (f" … {len(row.name):,} bytes in all" if len(row.name) > 256 else "")
    return [
        ("key", safe_text(row.name, 2_000)),
        ("bytes", hexed),
        ("kind", safe_text(row.group.kind) or "(unparsed)"),
        ("tenant", safe_text(row.group.tenant or b"") or "(unparsed)"),
        ("type", (detail.type if detail else None) or "not read yet"),
        ("TTL", "never expires" if left.words.startswith("∞") else left.words),
        ("size", size(detail.bytes_used) if detail and detail.bytes_used is not None else "not read yet"),
    ]
