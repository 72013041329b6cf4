"""The feed's kept events counted by type, tenant or channel, so that a storm can be read.

All figures are about the kept events that pass the filter, and the time since the oldest of them arrived. Each event is
processed once when it arrives and once when it is dropped.
"""

import asyncio
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from optimus_tui.contract.keyspace import FeedEvent, FeedItem
from optimus_tui.grammar.events import parse_event
from optimus_tui.grammar.filter import value_filter
from optimus_tui.tui.panes.base import Words
from optimus_tui.tui.panes.feed.store import SLICE, FeedStore
from optimus_tui.tui.widgets.cells import Cell, Column, Table, fit_count, fit_percent, name_pieces
from optimus_tui.wording.numbers import age, plural, rate
from optimus_tui.wording.safe import safe_text

KINDS = ("", "type", "tenant", "channel")
"""What ``g`` groups by, in turn; empty for the events themselves."""
MOST_GROUPS = 200
"""Groups that are listed, those with most events; the others are counted together."""
AT_ONCE = 5 * SLICE
"""More events than this are counted in slices, so that the screen does not wait for them."""
LEAST_SECONDS = 1.0
UNPARSED = "unparsed"


class EventGroup(NamedTuple):
    """Events that have one name in common.

    Attributes:
        name: The name as bytes; None for the events of all groups that are not listed.
        events: The number of events.
        per_second: Events per second, over the time of all kept events.
        share: Its share of all counted events, 0 to 1.
        last_at: When the newest one arrived, in wall-clock seconds.
        groups: The number of groups that this one stands for.
    """

    name: bytes | None
    events: int
    per_second: float
    share: float
    last_at: float
    groups: int = 1


class EventGroups:
    """Counts the kept events of a store by type, tenant or channel (``by``; empty while events are not grouped)."""

    def __init__(self, store: FeedStore) -> None:
        self.store = store
        self.by = ""
        self.left = 0
        """Events that are kept and still to be counted."""
        self._filter: object = None
        self._seq = 0
        self._kept: deque[tuple[int, bytes, float]] = deque()
        self._counts: Tally[bytes] = Tally()
        self._last: dict[bytes, float] = {}

    @property
    def next_by(self) -> str:
        """Return the kind of name that ``g`` groups by next; empty after the last one."""
        return KINDS[(KINDS.index(self.by) + 1) % len(KINDS)]

    def group_by(self, kind: str) -> None:
        """Group by a kind of name (type, tenant or channel); empty for no groups."""
        self.by = kind
        self.forget()

    def forget(self) -> None:
        """Count from zero again, because the view was emptied, or the grouping or the filter changed."""
        self._seq = self.left = 0
        self._kept.clear()
        self._counts.clear()
        self._last.clear()

    @property
    def total(self) -> int:
        """Return how many events are counted."""
        return len(self._kept)

    def backlog(self, until: int | None) -> list[FeedEvent]:
        """Return the kept events that were not counted yet, oldest first, up to the number ``until`` if it is given.

        Events that are no longer kept are subtracted from the count.
        """
        store = self.store
        if self._filter is not store.filter:
            self._filter = store.filter
            self.forget()
        source = store.passed if store.filter else store.items
        self._drop(store.items[0].seq if store.items else store.last_seq + 1)
        new: list[FeedItem] = []
        for item in reversed(source):
            if item.seq <= self._seq:
                break
            if until is None or item.seq <= until:
                new.append(item)
        return [item for item in reversed(new) if isinstance(item, FeedEvent)]

    def take(self, events: list[FeedEvent]) -> None:
        """Count these events, which follow those counted before."""
        for event in events:
            name = self._name_of(event)
            self._kept.append((event.seq, name, event.received_at))
            self._counts[name] += 1
            self._last[name] = event.received_at
            self._seq = event.seq

    async def take_in_slices(self, events: list[FeedEvent], shown: Callable[[], None]) -> None:
        """Count these events in slices, between which the event loop runs; ``shown`` is called meanwhile."""
        asked = (self.by, self._filter)
        self.left = len(events)
        for at in range(0, len(events), SLICE):
            if asked != (self.by, self._filter):
                return
            self.take(events[at : at + SLICE])
            self.left = max(0, len(events) - at - SLICE)
            if at % AT_ONCE == 0:
                shown()
            await asyncio.sleep(0)

    def _drop(self, oldest: int) -> None:
        while self._kept and self._kept[0][0] < oldest:
            _, name, _ = self._kept.popleft()
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name], self._last[name]

    def _name_of(self, event: FeedEvent) -> bytes:
        if self.by == "channel":
            return event.channel
        meaning = parse_event(event.payload, event.length)
        if self.by == "type":
            text = UNPARSED if meaning.problem else meaning.type
        else:
            text = "" if meaning.problem else meaning.tenant
        return text.encode("utf-8", "surrogatepass")

    def seconds(self, now: float) -> float:
        """Return the time since the oldest counted event came."""
        if not self._kept:
            return 0.0
        return max(LEAST_SECONDS, now - self._kept[0][2])

    @property
    def missed(self) -> bool:
        """Return True if the view missed events, so that counts are lower bounds."""
        items = self.store.items
        return bool(items) and items[-1].seq - items[0].seq + 1 > len(items)

    def rows(self, now: float) -> list[EventGroup]:
        """Return the groups with most events, and the others as one at the end."""
        seconds, total = self.seconds(now), self.total
        ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        rows = [
            EventGroup(name, count, count / seconds, count / total, self._last[name])
            for name, count in ranked[:MOST_GROUPS]
        ]
        if rest := ranked[MOST_GROUPS:]:
            count = sum(number for _, number in rest)
            last = max(self._last[name] for name, _ in rest)
            rows.append(EventGroup(None, count, count / seconds, count / total, last, len(rest)))
        return rows

    def title_words(self, now: float, groups: int) -> Words:
        """Return what events are grouped by, the numbers of groups and events, and the time that they span."""
        at_least = "≥ " * self.missed
        words: Words = [(f"by {self.by}: {groups:,}", "")]
        if self.left:
            words.append((f"counting, {self.left:,} left", "accent"))
        elif self.total:
            words.append((f"{at_least}{plural(self.total, 'event')} of {age(self.seconds(now))} kept here", "quiet"))
            words.append((rate(self.total / self.seconds(now)), ""))
        return words

    def filter_text(self, group: EventGroup) -> str | None:
        """Return the filter for this group's events alone; None if no filter can express it."""
        if group.name is None or (not group.name and self.by == "tenant"):
            return None
        text = safe_text(group.name)
        if not text.strip():
            return None
        return value_filter(self.by, text)


class EventGroupLine(NamedTuple):
    """A group as it is drawn at a wall-clock second."""

    group: EventGroup
    now: float
    by: str


def _name_cell(line: EventGroupLine, cells: int) -> Cell:
    group = line.group
    if group.name is None:
        return f"{plural(group.groups, 'more group')}", "quiet"
    if not group.name:
        return f"(no {line.by})", "quiet"
    return name_pieces(group.name, cells)


def _bar_cell(line: EventGroupLine, cells: int) -> Cell:
    return "▇" * max(1, round(line.group.share * cells)), "quiet"


def _events_cell(line: EventGroupLine, cells: int) -> Cell:
    return fit_count(line.group.events, cells), ""


def _group_rate_cell(line: EventGroupLine, _: int) -> Cell:
    return rate(line.group.per_second).removesuffix("/s"), ""


def _share_cell(line: EventGroupLine, cells: int) -> Cell:
    return fit_percent(line.group.share, cells), "quiet"


TABLES = {
    by: Table[EventGroupLine](
        Column("name", by, 8, _name_cell, grow=2, most=80, measured=True, fair=20),
        Column("events", "events", 8, _events_cell, "right", measured=True),
        Column("rate", "per s", 7, _group_rate_cell, "right", measured=True),
        Column("share", "%", 4, _share_cell, "right", measured=True),
        Column("last", "last seen", 12, lambda line, _: (_ago(line), "quiet"), "right", measured=True, rank=1),
        Column("bar", "", 4, _bar_cell, grow=1, most=60, rank=2),
        gap=2,
    )
    for by in KINDS[1:]
}


def _ago(line: EventGroupLine) -> str:
    return f"{age(line.now - line.group.last_at)} ago"
