"""How a row of the cache tree looks: columns, words and inks. Pure: totals and details in, pieces of text out."""

from collections.abc import Sequence

from optimus_tui.contract.cache import GroupTotals, KeyDetail
from optimus_tui.tui.panes.cache.rows import KeyRow
from optimus_tui.tui.widgets.columns import Column, fit_cell, fit_columns
from optimus_tui.tui.widgets.figures import first_that_fits, fit_count
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.names import name_pieces
from optimus_tui.wording.numbers import UNKNOWN, compact
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size
from optimus_tui.wording.ttl import ttl

BLOCKS = "▁▂▃▄▅▆▇"
DETAIL_SECONDS = 15.0
"""For so long what was read of one key is fresher than what the last sweep knew of it."""
PREFIX = b"cache:"

COLUMNS = (
    Column("name", "", 8, grow=1, most=72),
    Column("keys", "keys", 7, "right"),
    Column("ttl", "TTL", 8, "right"),
    Column("size", "size", 8, "right"),
    Column("tail", "no TTL", 7, "right"),
)
WIDER_KEYS = Column("keys", "keys", 13, "right")
"""While a filter is on: ``12 of 1,247``."""


def columns(width: int, filtered: bool) -> dict[str, int]:
    """The width of each column."""
    chosen = [WIDER_KEYS if filtered and c.id == "keys" and width >= 60 else c for c in COLUMNS]
    return {column.id: cells for column, cells in fit_columns(chosen, width)}


def head_pieces(width: int, filtered: bool, sort: str, reverse: bool) -> list[Piece]:
    """The head line: an arrow stands at the column that orders the keys."""
    arrow = "↓" if reverse else "↑"
    if sort == "size":
        arrow = "↑" if reverse else "↓"
    widths = columns(width, filtered)
    titles = {column.id: column.title for column in COLUMNS}
    place = "name" if sort == "key" else sort
    titles["name"] = first_that_fits(("  kind ▸ tenant ▸ key  ", "  kind ▸ key  ", "  key  "), widths["name"])
    titles[place] = f"{titles[place].rstrip()} {arrow}"
    pieces: list[Piece] = []
    for column in COLUMNS:
        if column.id in widths:
            pieces += [
                (" " if pieces else "", ""),
                (fit_cell(titles[column.id], widths[column.id], column.align), "quiet"),
            ]
    return pieces


def group_pieces(group: GroupTotals, width: int, *, opened: bool, matched: int | None, partial: bool) -> list[Piece]:
    """One kind or tenant: keys, the spread of their TTLs, size, keys that never expire."""
    widths = columns(width, matched is not None)
    indent = "  " if group.tenant is not None else ""
    raw = group.kind if group.tenant is None else group.tenant
    ink = "" if group.tenant is None else "bright"
    room = widths["name"] - len(indent) - 2
    name = name_pieces(raw, room, ink) if raw else [(fit_cell("(unparsed)", room), "quiet")]
    bytes_used = None if group.bytes_used is None else size(group.bytes_used, estimate=not group.bytes_exact)
    return [
        (f"{indent}{'▾' if opened else '▸'} ", "accent" if opened else "quiet"),
        *name,
        (" " + fit_cell(_keys(group.keys, matched, partial, widths["keys"]), widths["keys"], "right"), ""),
        (" " + fit_cell(spread(group), widths["ttl"], "right"), "quiet"),
        (" " + fit_cell(bytes_used or UNKNOWN, widths["size"], "right"), "quiet"),
        (" " + fit_cell(fit_count(group.without_ttl, widths["tail"]), widths["tail"], "right"), _tail_ink(group)),
    ]


def _tail_ink(group: GroupTotals) -> str:
    return "quiet" if group.without_ttl == 0 else ""


def _keys(keys: int, matched: int | None, partial: bool, width: int) -> str:
    least = "≥" if partial else ""
    if matched is None:
        return least + fit_count(keys, width - len(least))
    return first_that_fits(
        (f"{matched:,} of {least}{keys:,}", f"{compact(matched)} of {least}{compact(keys)}", compact(matched)), width
    )


def spread(group: GroupTotals) -> str:
    """Seven bars, the tallest bin full; a bin that holds anything stands above the line. Blank without any TTL."""
    most = max(group.histogram, default=0)
    if not most:
        return ""
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[0] if not n else BLOCKS[max(1, round(n / most * steps))] for n in group.histogram)


def key_pieces(row: KeyRow, width: int, left: "Left", detail: KeyDetail | None, filtered: bool) -> list[Piece]:
    """One key. Its name may use the empty column of counts."""
    widths = columns(width, filtered)
    room = widths["name"] + 1 + widths["keys"] - 6
    kind = (detail.type or "") if detail else ""
    used = size(detail.bytes_used) if detail and detail.bytes_used is not None else ""
    name = short_name(row)
    return [
        ("      ", ""),
        *(name_pieces(name, room, "quiet" if left.gone else "bright")),
        (" " + fit_cell(left.words, widths["ttl"], "right"), left.ink),
        (" " + fit_cell(used, widths["size"], "right"), "quiet"),
        (" " + fit_cell(kind, widths["tail"], "right"), "quiet"),
    ]


def short_name(row: KeyRow) -> bytes:
    """The part of a key's name that its kind and tenant do not say already."""
    prefix = group_prefix(row.group)
    return row.name[len(prefix) :] if prefix != PREFIX and row.name.startswith(prefix) else row.name


def group_prefix(group: GroupTotals) -> bytes:
    """What every key's name in a group begins with."""
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
    """Name and value of everything known about one key without reading its value."""
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
