"""The loop that fetches what the feed's reader received, up to ten times a second.

The reader empties its connection in a thread of its own. An unchanged state is handed on at most once a second.
"""

from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.feed import ClockOffset, FeedEvent, FeedItem, FeedStatus
from optimus_tui.grammar.events import parse_event
from optimus_tui.sampling.sampler_state import SamplerState
from optimus_tui.sampling.staleness import IntervalTimer
from optimus_tui.verdicts.coherence import events
from optimus_tui.verdicts.coherence.events import by_arrival

EVERY_SECONDS = 0.1
QUIET_SECONDS = 0.25
"""Seconds between two fetches while nothing arrives."""
STATUS_SECONDS = 1.0
BATCH_LIMIT = 1000
LATEST, A_BATCH = 100, 20
"""Number of events whose claimed times are compared with their arrival: in all, and of one batch."""


async def watch_feed(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Start the reader and fetch its events until cancelled. The context stops the reader when it is closed."""
    reader, clock = context.feed, context.clock
    reader.start()
    seq, handed_on, state, claims = 0, float("-inf"), "", Claims()
    lived = clock.mono()
    while True:
        batch = reader.drain(seq, limit=BATCH_LIMIT)
        mono = clock.mono()
        if batch.items:
            seq = max(item.seq for item in batch.items)
            claims.add(batch.items)
        if batch.status.state == "live":
            lived = mono
        status = events.settled(replace(batch.status, clock=claims.offset), mono - lived)
        batch = replace(batch, status=status)
        due = mono - handed_on >= STATUS_SECONDS
        changed = batch.status.state != state
        if batch.items or due or changed:
            sampler_state.sink("feed", batch)
        if changed and state in ("down", "broken") and batch.status.state == "live":
            sampler_state.back()
        if due or changed:
            _judge(sampler_state, batch.status, mono)
            handed_on, state = mono, batch.status.state
        await timer.rest(EVERY_SECONDS if batch.items else QUIET_SECONDS)


class Claims:
    """Claimed time minus arrival of the latest events, in seconds. Only some events of a large batch are compared."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=LATEST)

    def add(self, items: Sequence[FeedItem]) -> None:
        """Add the newest of these events."""
        live = [one for one in items[-A_BATCH:] if isinstance(one, FeedEvent) and one.origin == "live"]
        for event in live:
            claimed = parse_event(event.payload, event.length).claimed_at
            if claimed is not None:
                self._offsets.append(claimed - event.received_at)

    @property
    def offset(self) -> ClockOffset | None:
        """How far the claimed times are off; None if they are not."""
        return by_arrival(self._offsets)


def _judge(sampler_state: SamplerState, status: FeedStatus, mono: float) -> None:
    sampler_state.settle("feed", events.judge(status, mono=mono, thresholds=sampler_state.settings.thresholds))
