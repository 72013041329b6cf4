"""The feed's memory: the newest events, the gap marks, the counters. Two threads share it under a brief lock.

It does no I/O, does not read payloads while events arrive, and counts every event that it drops. Rows are plain tuples:
with tens of thousands of events per second, only rows that are returned become structures.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import islice

from optimus_tui.contract.keyspace import RATE_SECONDS, FeedBatch, FeedEvent, FeedGap, FeedItem, FeedState, FeedStatus
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import Translate
from optimus_tui.grammar.events import is_event

MAX_PAYLOAD = 4096
MAX_CHANNEL = 512
KEPT_GAPS = 200

Row = tuple[float, bytes, bytes, int, bool]
"""Received at, channel, payload (cut), true length, read back from the log."""


class FeedRing:
    """The kept items: one writer (the reader's thread), any number of readers.

    Sequence numbers start at 1 and have no holes; the newest item's is ``_seq``. Between ``hold`` and ``release``,
    arriving events are counted at once but queued, so that a gap's mark and the events that fill it come first.
    """

    def __init__(self, keep: int, translate: Translate | None = None) -> None:
        self._translate = translate
        self._lock = threading.Lock()
        self._items: deque[Row | FeedGap] = deque(maxlen=keep)
        self._gaps: deque[FeedGap] = deque(maxlen=KEPT_GAPS)
        self._held: deque[Row] | None = None
        self._gap: tuple[float, float, str] | None = None
        self._pulse: deque[tuple[float, int]] = deque()
        self._seq = self._judged = 0
        self.received = self.dropped = self.malformed = self.gaps = 0
        self.overflowed = False
        self.last_event: float | None = None
        self.verified: float | None = None
        self._state: tuple[FeedState, Fault | None, float | None] = ("connecting", None, None)
        self.on_news: Callable[[], None] | None = None
        """Called once, by any thread, with the next item or another state."""
        self.lacking: dict[str, Fault] = {}
        """What is not heard or not seen although the connection is live, by subject."""

    # -- the reader's side

    def add(self, replies: Sequence[Sequence[bytes]], wall: float, mono: float) -> None:
        """Count and keep messages ``[kind, pattern, channel, payload]`` that arrived together."""
        try:
            rows = [(wall, r[2][:MAX_CHANNEL], r[3][:MAX_PAYLOAD], len(r[3]), False) for r in replies]
        except (TypeError, IndexError):
            rows = [row for reply in replies if (row := self._row(reply, wall))]
        with self._lock:
            self.received += len(rows)
            self.last_event = mono
            self._pulse.append((mono, len(rows)))
            while self._pulse[0][0] < mono - RATE_SECONDS:
                self._pulse.popleft()
            if self._held is None:
                self._extend(rows)
            else:
                self.overflowed = self.overflowed or len(self._held) + len(rows) > (self._items.maxlen or 0)
                self._held.extend(rows)
        self._tell()

    def _tell(self) -> None:
        tell, self.on_news = self.on_news, None
        if tell is not None:
            tell()

    def _row(self, reply: Sequence[bytes], wall: float) -> Row | None:
        """Return the row of one message; None for a malformed one, which is counted."""
        try:
            return (wall, reply[2][:MAX_CHANNEL], reply[3][:MAX_PAYLOAD], len(reply[3]), False)
        except (TypeError, IndexError):
            self.dropped += 1
            return None

    def _extend(self, rows: Sequence[Row] | deque[Row]) -> None:
        self._seq += len(rows)
        self._items.extend(rows)

    def hold(self) -> None:
        """Let arriving events queue up until the gap is recorded."""
        with self._lock:
            if self._held is None:
                self._held = deque(maxlen=self._items.maxlen)
                self.overflowed = False

    def open_gap(self, wall: float, seconds: float, reason: str) -> None:
        """Record that the connection is back after ``seconds``; ``release`` adds the mark."""
        with self._lock:
            self._gap = (wall, seconds, reason)

    def mark_gap(self, wall: float, seconds: float, reason: str) -> None:
        """Add the mark of a gap that nothing fills, and that ended now."""
        with self._lock:
            self._add_gap(wall, seconds, None, reason)
        self._tell()

    def _add_gap(self, wall: float, seconds: float, filled: int | None, reason: str) -> None:
        self._seq += 1
        gap = FeedGap(seq=self._seq, received_at=wall, seconds=seconds, filled=filled, reason=reason)
        self._items.append(gap)
        self._gaps.append(gap)
        self.gaps += 1

    def release(self, filling: Sequence[Row] | None = None, note: str = "") -> None:
        """Add the gap's mark if one is open, then ``filling``, then the queued events."""
        with self._lock:
            if self._gap:
                wall, seconds, reason = self._gap
                filled = None
                if filling is not None:
                    filled = len(filling)
                if note:
                    reason = f"{reason}; {note}"
                self._add_gap(wall, seconds, filled, reason)
                self._extend(filling or ())
            if self._held is not None:
                self._extend(self._held)
            self._gap = self._held = None
        self._tell()

    def set_state(self, state: FeedState, fault: Fault | None = None, retry_at: float | None = None) -> None:
        """Set the state of the connection. ``retry_at`` is in monotonic seconds."""
        self._state = (state, fault, retry_at)
        self._tell()

    def known(self) -> tuple[Counter[tuple[bytes, int]], list[Row], bool]:
        """Return the kept events as a multiset and as rows, and whether older ones were dropped."""
        with self._lock:
            rows = [item for item in self._items if isinstance(item, tuple)]
            held = list(self._held or ())
            full = len(self._items) == self._items.maxlen
        return Counter((row[2], row[3]) for row in (*rows, *held)), rows, full

    # -- the other threads' side

    @property
    def mark(self) -> tuple[int, object]:
        """Return a value that changes with every item and with the connection's state."""
        return self._seq, self._state

    def batch(self, since: int, limit: int, mono: float) -> FeedBatch:
        """Return the newest ``limit`` items after ``since``, oldest first, with all older gap marks."""
        with self._lock:
            number = max(0, min(self._seq - since, limit, len(self._items)))
            newest = list(islice(reversed(self._items), number))
            last, judged = self._seq, self._judged
            self._judged = max(judged, last)
            marks = [gap for gap in self._gaps if since < gap.seq <= last - number]
        newest.reverse()
        first = last - number + 1
        items: list[FeedItem] = [*marks]
        wrong = 0
        for seq, row in enumerate(newest, first):
            if isinstance(row, FeedGap):
                items.append(row)
                continue
            at, channel, payload, length, logged = row
            if self._translate is not None:
                payload = self._translate(channel, payload, length)
            wrong += seq > judged and not is_event(payload, length)
            items.append(
                FeedEvent(
                    seq=seq,
                    received_at=at,
                    channel=channel,
                    payload=payload,
                    length=length,
                    origin="log" if logged else "live",
                )
            )
        return FeedBatch(items=tuple(items), status=self._status(mono, wrong))

    def _status(self, mono: float, wrong: int) -> FeedStatus:
        with self._lock:
            self.malformed += wrong
            state, fault, retry_at = self._state
            if state == "live":
                fault = fault or next(iter(list(self.lacking.values())), None)
            retry_in = None
            if retry_at is not None:
                retry_in = max(0.0, retry_at - mono)
            return FeedStatus(
                state=state,
                received=self.received,
                dropped=self.dropped,
                malformed=self.malformed,
                gaps=self.gaps,
                rate=sum(count for at, count in self._pulse if at > mono - RATE_SECONDS) / RATE_SECONDS,
                last_event_mono=self.last_event,
                verified_mono=self.verified,
                fault=fault,
                retry_in=retry_in,
            )
