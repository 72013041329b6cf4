"""How one event looks in the feed: columns, the words of a gap, an unparsed payload, and the lines of a wrapped one.

Pure: an event and its meaning in, pieces of safe text out.
"""

import re
from typing import NamedTuple

from rich.cells import cell_len

from optimus_tui.contract.feed import FeedEvent, FeedGap, ParsedEvent
from optimus_tui.tui.widgets.columns import Cell, Column, fit_cell
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.inks import Piece
from optimus_tui.tui.widgets.names import name_pieces
from optimus_tui.tui.widgets.table import Table
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.safe import safe_text

MOST_LINES = 5
"""Lines of one wrapped event; ``enter`` shows it whole."""
HEAD_CHARACTERS = 600
LEAST_OBJECT = 4
"""Cells that are left of a key's name before the number of keys is cut."""
_COUNT = re.compile(r" [\d,]+ (?:keys?|bytes)$")
CHANNEL_PREFIX = b"cache_coherence:"


class EventLine(NamedTuple):
    """An event, what it means, and the part of its detail that stands on its first line."""

    event: FeedEvent
    meaning: ParsedEvent
    detail: str

    @property
    def ink(self) -> str:
        """Return the ink of the detail."""
        return "warn" if self.meaning.problem else ""


def _tenant_cell(line: EventLine, cells: int) -> Cell:
    if line.meaning.problem:
        return "?", "warn"
    return name_pieces(line.meaning.tenant.encode("utf-8", "surrogatepass"), cells)


def _type_cell(line: EventLine, cells: int) -> Cell:
    if line.meaning.problem:
        return "unparsed", "warn"
    return name_pieces(line.meaning.type.encode("utf-8", "surrogatepass"), cells, "")


def _detail_cell(line: EventLine, cells: int) -> Cell:
    if line.event.origin == "log":
        return [("log ", "accent"), (_fit_detail(line.detail, cells - 4), line.ink)]
    return [(_fit_detail(line.detail, cells), line.ink)]


def _channel_cell(line: EventLine, cells: int) -> Cell:
    return safe_text(line.event.channel.removeprefix(CHANNEL_PREFIX), cells * 2), "quiet"


TABLE = Table[EventLine](
    Column("time", "time UTC", 8, lambda line, _: (clock(line.event.received_at), "quiet")),
    Column("tenant", "tenant", 8, _tenant_cell, grow=2, most=24),
    Column("type", "type", 10, _type_cell, grow=3, most=26),
    Column("detail", "detail", 8, _detail_cell, grow=5),
    Column("channel", "channel", 12, _channel_cell, grow=2, most=26, hide_below=112),
    gap=2,
)


def gap_words(gap: FeedGap) -> str:
    """Return ``gap 4.2 s, events may be missing · 6 filled in from the log``."""
    words = f"gap {age(gap.seconds)}, events may be missing"
    if gap.filled is not None:
        words += f" · {gap.filled:,} filled in from the log"
    if gap.reason:
        words += f" · {safe_text(gap.reason, 120)}"
    return words


def gap_lines(gap: FeedGap, width: int, most: int) -> list[list[Piece]]:
    """Return a gap's row: its time, then the words from the tenants' column on."""
    indent = TABLE.columns[0].width + TABLE.gap
    parts = [gap_words(gap)]
    if most > 1:
        parts = wrap(parts[0], width - indent)[:most]
    before = [clock(gap.received_at), *[""] * (len(parts) - 1)]
    return [
        [(f"{time:<{indent}}", "quiet"), (fit_cell(part, width - indent), "warn")]
        for time, part in zip(before, parts, strict=True)
    ]


def event_lines(event: FeedEvent, meaning: ParsedEvent, width: int, most: int) -> list[list[Piece]]:
    """Return an event's row; with ``most`` above 1 what it says goes on below itself."""
    cells = TABLE.widths(width)
    first, *rest = _detail_parts(event, meaning, cells["detail"], most)
    line = EventLine(event, meaning, first)
    indent = sum(cells[name] + TABLE.gap for name in ("time", "tenant", "type"))
    below: list[list[Piece]] = [[(" " * indent, ""), (fit_cell(part, cells["detail"]), line.ink)] for part in rest]
    return [TABLE.row(line, width), *below]


def _fit_detail(text: str, room: int) -> str:
    """What it is about gives way before how many keys: a number never loses its unit."""
    count = _COUNT.search(text)
    if count is None or cell_len(text) <= room or len(count[0]) + LEAST_OBJECT > room:
        return fit_cell(text, room)
    return fit_cell(text[: count.start()], room - len(count[0])) + count[0]


def _detail_parts(event: FeedEvent, meaning: ParsedEvent, room: int, most: int) -> list[str]:
    """What the event says, over as many lines as it may take. An unparsed one: its beginning and its size."""
    if event.origin == "log":
        room -= 4
    if meaning.problem is None:
        text = safe_text(meaning.detail, HEAD_CHARACTERS)
        if most > 1:
            return wrap(text, room)[:most]
        return [text]
    size = f" {event.length:,} bytes"
    if not event.length:
        return ["empty, 0 bytes"]
    head = safe_text(event.payload, HEAD_CHARACTERS)
    if most > 1:
        parts = wrap(f"{head}{size} · {meaning.problem}", room)
        if len(parts) > most:
            parts[most - 1 :] = [f"…{size} · {meaning.problem}"]
        return parts
    if cell_len(head) + len(size) > room:
        head = fit_cell(head, max(1, room - len(size)))
    return [head + size]
