"""The bulk invalidations of the present burst, as they came over the feed."""

from collections import deque
from collections.abc import Sequence

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import FeedEvent, FeedItem
from optimus_tui.grammar.events import parse_event
from optimus_tui.verdicts.coherence.bulk import MAX_EVENTS, BulkEvent, burst, find_bulk, is_bulk


class BulkWatch:
    """Collects bulk invalidations and judges them. Other events are only searched for one word, which costs little."""

    def __init__(self) -> None:
        self._events: deque[BulkEvent] = deque(maxlen=MAX_EVENTS)
        self.total = 0
        """Bulk invalidations that came since the start."""

    def add(self, items: Sequence[FeedItem]) -> None:
        """Take a batch of the feed.

        Events read from the event list after a gap are left out: their time of arrival is unknown.
        """
        for one in items:
            if not isinstance(one, FeedEvent) or one.origin != "live" or b"bulk" not in one.payload.lower():
                continue
            event = parse_event(one.payload, one.length)
            if is_bulk(event):
                self.total += 1
                self._events.append(BulkEvent(one.received_at, event.tenant))

    def findings(self, now: float) -> list[Finding]:
        """Return the findings as of ``now`` (wall-clock seconds), and forget bursts that have ended."""
        going_on = burst(self._events, now)
        self._events = deque(going_on, maxlen=MAX_EVENTS)
        return find_bulk(going_on, now)
