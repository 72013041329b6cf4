"""The events that the feed pane keeps for its view: bounded in number, filtered on arrival, counted when dropped.

Nothing is parsed while no filter is set. With a filter, arriving events wait in a queue that is processed in slices.
"""

import asyncio
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

from optimus_tui.contract.keyspace import FeedEvent, FeedGap, FeedItem, ParsedEvent, raw_payload
from optimus_tui.grammar.events import parse_event
from optimus_tui.grammar.filter import EVERYTHING, Filter
from optimus_tui.tui.panes.base import RowFields
from optimus_tui.wording.numbers import age
from optimus_tui.wording.safe import safe_text

KEEP = 10_000
PARSED = 1_000
"""Events whose meaning is remembered: some screens full."""
SLICE = 200
"""Events filtered between two turns of the event loop."""
SEARCHED = 1_024
"""Characters of a payload that a bare word is looked for in."""


class FeedStore:
    """The kept events. ``items`` are the newest, oldest first; ``passed`` those that the filter lets through."""

    def __init__(self, keep: int = KEEP) -> None:
        self.items: deque[FeedItem] = deque(maxlen=keep)
        self.passed: deque[FeedItem] = deque(maxlen=keep)
        self.waiting: deque[FeedItem] = deque(maxlen=keep)
        self.filter: Filter = EVERYTHING
        self.last_seq = 0
        self.changes = 0
        """How often the rows have changed: equal numbers mean equal rows."""
        self.skipped = 0
        """Events that came faster than they could be handed to the view: counted, never shown."""
        self.last_gap: FeedGap | None = None
        self._parsed: OrderedDict[int, ParsedEvent] = OrderedDict()

    def add(self, items: Iterable[FeedItem]) -> int:
        """Keep the events that are newer than all before. Return how many were left out."""
        new = [item for item in items if item.seq > self.last_seq]
        if not new:
            return 0
        missed = new[-1].seq - self.last_seq - len(new) if self.last_seq else 0
        self.last_seq = new[-1].seq
        self.changes += 1
        self.skipped += missed
        self.items.extend(new)
        if self.filter:
            self.waiting.extend(new)
        for item in reversed(new):
            if isinstance(item, FeedGap):
                self.last_gap = item
                break
        return missed

    def set_filter(self, wanted: Filter) -> None:
        """Change the filter, and queue all kept events to be filtered again."""
        self.filter = wanted
        self.changes += 1
        self.passed.clear()
        self.waiting.clear()
        if wanted:
            self.waiting.extend(self.items)

    async def filter_all(self) -> None:
        """Filter the waiting events in slices, between which the event loop runs and more events may arrive."""
        while self.waiting:
            self.changes += 1
            for _ in range(min(SLICE, len(self.waiting))):
                item = self.waiting.popleft()
                if passes(self.filter, item, self):
                    self.passed.append(item)
            await asyncio.sleep(0)

    def rows(self) -> list[FeedItem]:
        """Return the rows to show, the oldest first."""
        if not self.filter:
            return list(self.items)
        oldest = self.items[0].seq if self.items else 0
        return [item for item in self.passed if item.seq >= oldest]

    def clear(self) -> None:
        """Empty the view. The counters continue."""
        self.changes += 1
        for kept in (self.items, self.passed, self.waiting):
            kept.clear()
        self._parsed.clear()

    def parsed(self, event: FeedEvent) -> ParsedEvent:
        """Return the parsed event; recent results are cached."""
        known = self._parsed.get(event.seq)
        if known is None:
            known = self._parsed[event.seq] = parse_event(event.payload, event.length)
            if len(self._parsed) > PARSED:
                self._parsed.popitem(last=False)
        return known


def index_of_seq(rows: Sequence[FeedItem], seq: int) -> int:
    """Return the index of the first item with this number or a later one."""
    return bisect_left(rows, seq, key=lambda item: item.seq)


def passes(wanted: Filter, item: FeedItem, store: FeedStore) -> bool:
    """Return True if an item passes the filter. Gaps always pass, unless the filter names gaps."""
    if isinstance(item, FeedGap):
        return "gap" not in wanted.text.lower() or wanted.matches(_gap_fields(item))
    return wanted.matches(EventFields(item, store))


def _gap_fields(gap: FeedGap) -> dict[str, str | float | None]:
    words = f"gap {age(gap.seconds)} {gap.reason}"
    return {"text": words, "gap": gap.seconds, "type": "gap", "tenant": "", "channel": "", "origin": ""}


class EventFields(RowFields):
    """The fields of one event; its payload is parsed only if the filter needs it."""

    NAMES = ("text", "type", "tenant", "channel", "detail", "origin", "size", "problem", "gap")

    def __init__(self, event: FeedEvent, store: FeedStore) -> None:
        self._event, self._store = event, store

    def __getitem__(self, key: str) -> str | float | None:
        event = self._event
        if key == "text":
            return f"{safe_text(event.channel)} {safe_text(raw_payload(event.payload), SEARCHED)}"
        if key == "channel":
            return safe_text(event.channel)
        if key == "origin":
            return event.origin
        if key == "size":
            return event.length
        if key == "gap":
            return None
        meaning = self._store.parsed(event)
        if key == "problem":
            return meaning.problem
        if key == "type":
            if meaning.problem:
                return "unparsed"
            return safe_text(meaning.type)
        if key in ("tenant", "detail"):
            return safe_text(meaning.tenant if key == "tenant" else meaning.detail)
        raise KeyError(key)
