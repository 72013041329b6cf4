"""The feed's lines and the texts around them: columns, gaps, the state of the link, and why there are no events.

Pure.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len

from optimus_tui.clock import Clock
from optimus_tui.contract.finding_rules import CACHE_BULK
from optimus_tui.contract.findings import ALARMING, Finding
from optimus_tui.contract.keyspace import FeedEvent, FeedGap, FeedItem, FeedStatus, ParsedEvent, raw_payload
from optimus_tui.dialects.feeds.messages import Subscription
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tui.panes.feed.store import FeedStore
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Cell, Column, Table, fit_cell, fit_name, fit_words, name_pieces, wrap
from optimus_tui.tui.widgets.row_table import RowTable
from optimus_tui.verdicts.coherence.events import clock_words
from optimus_tui.wording.numbers import age, clock, compact, thousands
from optimus_tui.wording.safe import redis_cli, safe_text
from optimus_tui.wording.truth import FIND_OUT, NO_FEED, counted_down, fault_lines, fault_words, outage_forms

MOST_LINES = 5
"""Lines of one wrapped event; ``enter`` shows it whole."""
HEAD_CHARACTERS = 600
LEAST_OBJECT = 4
"""Cells that are left of a key's name before the number of keys is cut."""
BULK = "bulk_invalidation"
"""The type of the events with which whole tenants are dropped."""
_COUNT = re.compile(r" [\d,]+ (?:keys?|bytes)$")


class EventLine(NamedTuple):
    """An event, its meaning, and the part of its detail on its first line."""

    event: FeedEvent
    meaning: ParsedEvent
    detail: str
    common: bytes = b""
    """The beginning that the channel shares with all others, which its column leaves out."""
    told: frozenset[str] = frozenset()
    """Types of events that a finding is about."""

    @property
    def style(self) -> str:
        """Return the text style of the detail."""
        if self.meaning.problem:
            return "warn"
        return ""


def _tenant_cell(line: EventLine, cells: int) -> Cell:
    if line.meaning.problem:
        return "?", "warn"
    if not line.meaning.tenant:
        return "unknown", "quiet"
    return name_pieces(line.meaning.tenant.encode("utf-8", "surrogatepass"), cells)


def _type_cell(line: EventLine, cells: int) -> Cell:
    if line.meaning.problem:
        return "unparsed", "warn"
    style = "warn" * (line.meaning.type in line.told)
    return name_pieces(line.meaning.type.encode("utf-8", "surrogatepass"), cells, style, cut_at_end=True)


def _detail_cell(line: EventLine, cells: int) -> Cell:
    if line.event.origin == "log":
        return [("log ", "accent"), (_fit_detail(line.detail, cells - 4), line.style)]
    return [(_fit_detail(line.detail, cells), line.style)]


def _channel_cell(line: EventLine, cells: int) -> Cell:
    return safe_text(line.event.channel.removeprefix(line.common), cells * 2), "quiet"


TABLE = Table[EventLine](
    Column("time", "time UTC", 8, lambda line, _: (clock(line.event.received_at), "quiet")),
    Column("tenant", "tenant", 8, _tenant_cell, grow=2, most=24, measured=True),
    Column("type", "type", 10, _type_cell, grow=3, most=26, measured=True),
    Column("detail", "detail", 8, _detail_cell, grow=5),
    Column("channel", "channel", 12, _channel_cell, grow=2, most=26, hide_below=112),
    gap=2,
)


def told_types(findings: Iterable[Finding]) -> frozenset[str]:
    """Return the types of the events that findings from medium on are about."""
    return frozenset(BULK for one in findings if one.rule == CACHE_BULK and one.severity in ALARMING)


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


def event_lines(
    columns: RowTable[EventLine],
    event: FeedEvent,
    meaning: ParsedEvent,
    width: int,
    most: int,
    common: bytes = b"",
    told: frozenset[str] = frozenset(),
) -> list[list[Piece]]:
    """Return the lines of an event's row, at most ``most``; a long detail continues below its first line."""
    columns.measure([EventLine(event, meaning, "")])
    table = columns.table
    cells = table.widths(width)
    first, *rest = _detail_parts(event, meaning, cells["detail"], most)
    line = EventLine(event, meaning, first, common, told)
    indent = sum(cells[name] + TABLE.gap for name in ("time", "tenant", "type"))
    below: list[list[Piece]] = [[(" " * indent, ""), (fit_cell(part, cells["detail"]), line.style)] for part in rest]
    return [table.row(line, width), *below]


def _fit_detail(text: str, room: int) -> str:
    """Shorten the detail of an event before its number of keys: a number never loses its unit."""
    count = _COUNT.search(text)
    if count is None or cell_len(text) <= room or len(count[0]) + LEAST_OBJECT > room:
        return _fit_whole(text, room)
    return _fit_whole(text[: count.start()], room - len(count[0])) + count[0]


def _fit_whole(text: str, room: int) -> str:
    """Return a name with both its ends, or as many whole words as there is room for."""
    if " " in text.strip():
        return fit_words(text, room)
    return fit_name(text, room)


def _detail_parts(event: FeedEvent, meaning: ParsedEvent, room: int, most: int) -> list[str]:
    """Return the detail of an event over as many lines as it may take; for an unparsed one, its beginning and size."""
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
    head = safe_text(raw_payload(event.payload), HEAD_CHARACTERS)
    if most > 1:
        parts = wrap(f"{head}{size} · {meaning.problem}", room)
        if len(parts) > most:
            parts[most - 1 :] = [f"…{size} · {meaning.problem}"]
        return parts
    if cell_len(head) + len(size) > room:
        head = fit_cell(head, max(1, room - len(size)))
    return [head + size]


QUIET_SECONDS = 60.0
"""Without an event for so long, the line says what proves that the link lives."""


def truth_forms(
    status: FeedStatus | None, store: FeedStore, now: Clock, arrived_mono: float, where: str, grouped: bool = False
) -> list[str]:
    """Return the truth line, the fullest wording first.

    Args:
        status: The counters of the reader; None before the first batch.
        store: The events that are kept.
        now: The clock.
        arrived_mono: Monotonic seconds at which the status arrived.
        where: The server's address, safe to show.
        grouped: True if rows count the kept events; then the line says that the reader's count is a different one.
    """
    if status is None or status.state == "connecting":
        return [f"connecting to redis at {where} …", "connecting to redis …"]
    if status.state == "none":
        return [NO_FEED, "no feed"]
    if status.state != "live":
        return _outage_forms(status, now, arrived_mono, where)
    events = f"{thousands(status.received)} events{' received live' * grouped}"
    lost = f"{thousands(status.dropped)} dropped"
    extra = []
    if status.clock is not None:
        extra.append(clock_words(status.clock))
    if status.malformed:
        extra.append(f"{thousands(status.malformed)} unparsed")
    if store.skipped:
        extra.append(f"{compact(store.skipped)} too fast to show")
    gap = gap_note(status, store)
    quiet = quiet_words(status, now)
    if quiet:
        return [" · ".join(part for part in parts if part) for parts in (
            (quiet, events, lost, *extra[:1], gap), (quiet, events, gap), (quiet, gap), (quiet,), ("quiet", events),
        )]  # fmt: skip
    fault: tuple[str, ...] = ()
    if status.fault is not None:
        fault = (status.fault.message,)
    return [" · ".join(part for part in parts if part) for parts in (
        ("live", *fault, events, lost, *extra, gap),
        ("live", *fault, events, *extra[:1], gap),
        ("live", *fault, events, lost, gap),
        ("live", f"{compact(status.received)} events", lost, gap),
        ("live", f"{compact(status.received)} events", lost),
    )]  # fmt: skip


def quiet_words(status: FeedStatus, now: Clock) -> str:
    """Return ``last event 10 min ago, link verified 1 s ago``; "" while events come."""
    words = "no event yet"
    if status.last_event_mono is not None:
        past = now.mono() - status.last_event_mono
        if past < QUIET_SECONDS:
            return ""
        words = f"last event {age(past)} ago"
    if status.verified_mono is not None:
        words += f", link verified {age(now.mono() - status.verified_mono)} ago"
    return words


def gap_note(status: FeedStatus, store: FeedStore) -> str:
    """Return ``gap at 10:30:00 filled``, with the number of gaps if there were several."""
    gap = store.last_gap
    if gap is None:
        return ""
    filled = {None: "not filled", 0: "nothing to fill"}.get(gap.filled, "filled")
    many = "gap at"
    if status.gaps > 1:
        many = f"{thousands(status.gaps)} gaps, the last at"
    return f"{many} {clock(gap.received_at)} {filled}"


def _outage_forms(status: FeedStatus, now: Clock, arrived_mono: float, where: str) -> list[str]:
    """Return ``down since 10:29:40 · redis: connection refused · retry in 3 s``."""
    retry = counted_down(status.retry_in, now.mono() - arrived_mono)
    faults = fault_words(status.fault, "redis", retry)
    state = since = since_minute = {"broken": "broken", "denied": "denied"}.get(status.state, "down")
    if state == "down" and status.verified_mono is not None:
        since = f"down since {clock(now.wall() - (now.mono() - status.verified_mono))}"
        since_minute = since[: -len(":00")]
    whole = " · ".join([since, *faults, f"{thousands(status.received)} events so far"])
    return [
        whole,
        *outage_forms(since, status.fault, "redis", where, retry)[:3],
        *outage_forms(since_minute, status.fault, "redis", where, retry)[:-1],
        *outage_forms(state, status.fault, "redis", where, retry),
    ]


def empty_words(status: FeedStatus | None, where: str, mono: float, cleared: str, places: str) -> list[str]:
    """Return why there is no event, and what to do. ``places`` are the subscribed channels and patterns."""
    if status is None or status.state == "connecting":
        return [f"connecting to redis at {where} …"]
    if status.state == "none":
        return [f"{NO_FEED}: nothing is subscribed, and nothing is known of events.", FIND_OUT]
    if status.state != "live":
        return fault_lines(status.fault, "the link is down")
    if cleared:
        return [cleared, f"{thousands(status.received)} events came so far; new ones appear here."]
    if status.received:
        return ["waiting for the next event …"]
    words = f"No events on {safe_text(places, 300)} since {where} was reached."
    if status.verified_mono is not None:
        words += f" Link verified {age(mono - status.verified_mono)} ago."
    return [words, "They appear with the next invalidation."]


def copies(item: FeedItem | None, target: RedisTarget, subscription: Subscription) -> list[tuple[str, str]]:
    """Return texts to copy: the payload as it came, and shell lines that subscribe to the same channels."""
    listen = [
        ("listen", redis_cli(target, [command, *names]))
        for command, names in (
            ("psubscribe", subscription.patterns),
            ("subscribe", subscription.channels),
            ("ssubscribe", subscription.shards),
        )
        if names
    ]
    if not isinstance(item, FeedEvent):
        return listen
    payload = raw_payload(item.payload)
    name = "payload"
    if item.length > len(payload):
        name = f"payload (the first {len(payload):,} of {item.length:,} bytes)"
    forms = [(name, safe_text(payload, 8_192)), ("channel", safe_text(item.channel, 1_024)), *listen]
    if b"\0" not in item.channel:
        forms.append(("listen to this channel", redis_cli(target, ["subscribe", item.channel])))
    return forms
