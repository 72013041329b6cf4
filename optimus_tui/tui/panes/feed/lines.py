"""How one event looks in the feed: columns, the words of a gap, an unparsed payload, and the lines of a wrapped one.

Pure: an event and its meaning in, pieces of safe text out.
"""

import re

from rich.cells import cell_len

from optimus_tui.contract.feed import FeedEvent, FeedGap, ParsedEvent
from optimus_tui.tui.widgets.columns import Column, fit_cell, fit_columns
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.names import name_pieces
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.safe import safe_text

GAP = 2
MOST_LINES = 5
"""Lines of one wrapped event; ``enter`` shows it whole."""
HEAD_CHARACTERS = 600
LEAST_OBJECT = 4
"""Cells that are left of a key's name before the number of keys is cut."""
_COUNT = re.compile(r" [\d,]+ (?:keys?|bytes)$")
CHANNEL_PREFIX = b"cache_coherence:"

COLUMNS = (
    Column("time", "time UTC", 8),
    Column("tenant", "tenant", 8, grow=2, most=24),
    Column("type", "type", 10, grow=3, most=26),
    Column("detail", "detail", 8, grow=5),
    Column("channel", "channel", 12, grow=2, most=26, hide_below=112),
)


def _widths(width: int) -> list[tuple[Column, int]]:
    return fit_columns(COLUMNS, width, GAP)


def head_pieces(width: int) -> list[Piece]:
    """The names of the columns."""
    return [
        ((" " * GAP).join(fit_cell(column.title, cells, column.align) for column, cells in _widths(width)), "quiet")
    ]


def gap_words(gap: FeedGap) -> str:
    """``gap 4.2 s, events may be missing · 6 filled in from the log``."""
    words = f"gap {age(gap.seconds)}, events may be missing"
    if gap.filled is not None:
        words += f" · {gap.filled:,} filled in from the log"
    return f"{words} · {safe_text(gap.reason, 120)}" if gap.reason else words


def gap_lines(gap: FeedGap, width: int, most: int) -> list[list[Piece]]:
    """A gap's row: its time, then the words from the tenants' column on."""
    indent = COLUMNS[0].width + GAP
    parts = wrap(gap_words(gap), width - indent)[:most] if most > 1 else [gap_words(gap)]
    time = f"{clock(gap.received_at):<{indent}}"
    return [
        [(time if number == 0 else " " * indent, "quiet"), (fit_cell(part, width - indent), "warn")]
        for number, part in enumerate(parts)
    ]


def event_lines(event: FeedEvent, meaning: ParsedEvent, width: int, most: int) -> list[list[Piece]]:
    """An event's row; with ``most`` above 1 what it says goes on below itself."""
    widths = _widths(width)
    cells = {column.id: room for column, room in widths}
    parts = _detail_parts(event, meaning, cells["detail"], most)
    first: list[Piece] = []
    for column, room in widths:
        first += _cell(column.id, event, meaning, room, parts[0])
        if column is not widths[-1][0]:
            first[-1] = (first[-1][0] + " " * GAP, first[-1][1])
    indent = sum(cells[name] + GAP for name in ("time", "tenant", "type"))
    ink = "warn" if meaning.problem else ""
    return [first, *([(" " * indent, ""), (fit_cell(part, cells["detail"]), ink)] for part in parts[1:])]


def _cell(name: str, event: FeedEvent, meaning: ParsedEvent, room: int, detail: list[Piece] | str) -> list[Piece]:
    if name == "time":
        return [(fit_cell(clock(event.received_at), room), "quiet")]
    if name == "channel":
        return [(fit_cell(safe_text(event.channel.removeprefix(CHANNEL_PREFIX), room * 2), room), "quiet")]
    if name == "detail":
        text = detail if isinstance(detail, str) else ""
        return _detail_cell(event, text, room, "warn" if meaning.problem else "")
    if meaning.problem:
        return [(fit_cell("?" if name == "tenant" else "unparsed", room), "warn")]
    raw = (meaning.tenant if name == "tenant" else meaning.type).encode("utf-8", "surrogatepass")
    return name_pieces(raw, room, "bright" if name == "tenant" else "")


def _detail_cell(event: FeedEvent, text: str, room: int, ink: str) -> list[Piece]:
    if event.origin == "log":
        return [("log ", "accent"), (_fit_detail(text, room - 4), ink)]
    return [(_fit_detail(text, room), ink)]


def _fit_detail(text: str, room: int) -> str:
    """What it is about gives way before how many keys: a number never loses its unit."""
    count = _COUNT.search(text)
    if count is None or cell_len(text) <= room or len(count[0]) + LEAST_OBJECT > room:
        return fit_cell(text, room)
    return fit_cell(text[: count.start()], room - len(count[0])) + count[0]


def _detail_parts(event: FeedEvent, meaning: ParsedEvent, room: int, most: int) -> list[str]:
    """What the event says, over as many lines as it may take. An unparsed one: its beginning and its size."""
    room -= 4 if event.origin == "log" else 0
    if meaning.problem is None:
        text = safe_text(meaning.detail, HEAD_CHARACTERS)
        return (wrap(text, room)[:most] if most > 1 else [text]) or [""]
    size = f" {event.length:,} bytes"
    if not event.length:
        return ["empty, 0 bytes"]
    head = safe_text(event.payload, HEAD_CHARACTERS)
    if most > 1:
        parts = wrap(f"{head}{size} · {meaning.problem}", room)
        return parts if len(parts) <= most else [*parts[: most - 1], f"…{size} · {meaning.problem}"]
    if cell_len(head) + len(size) > room:
        head = fit_cell(head, max(1, room - len(size)))
    return [head + size]
