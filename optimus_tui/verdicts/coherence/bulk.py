"""Bulk invalidations: many keys dropped at once, as events report. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import CACHE_BULK
from optimus_tui.contract.findings import Finding, some_of
from optimus_tui.contract.keyspace import ParsedEvent
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.wording.numbers import age, plural
from optimus_tui.wording.safe import safe_text

BURST_SECONDS = 60.0
"""Without a bulk invalidation for so long, the next one begins a new burst."""
LEAST_SILENCE, GAPS_OF_SILENCE = 15.0, 10.0
"""A burst has ended after this many seconds without an event, and this many times the usual gap between two of it."""
LEAST_EVENTS = 10
"""Of one burst within the last minute; a release or an import causes a few."""
MAX_EVENTS = 20_000
MAJORITY = 0.5
"""A tenant with more than this share of them is named alone."""


class BulkEvent(NamedTuple):
    """One bulk invalidation: when it arrived, in wall-clock seconds, and whose keys it dropped."""

    at: float
    tenant: str


def is_bulk(event: ParsedEvent) -> bool:
    """Return True if the type of an event says that it invalidates in bulk."""
    return event.problem is None and "bulk" in event.type.lower()


def burst(events: Iterable[BulkEvent], now: float) -> tuple[BulkEvent, ...]:
    """Return the events of a burst that is still going on, oldest first; empty if it has ended.

    Args:
        events: in the order of their times.
        now: the present in wall-clock seconds.
    """
    found: list[BulkEvent] = []
    for one in events:
        if found and one.at - found[-1].at > BURST_SECONDS:
            found.clear()
        found.append(one)
    if not found or now - found[-1].at > _silence(found):
        return ()
    return tuple(found[-MAX_EVENTS:])


def _silence(events: Sequence[BulkEvent]) -> float:
    """Return after how many seconds without another event these have ended: what stopped is soon seen to have."""
    if len(events) < LEAST_EVENTS:
        return BURST_SECONDS
    gap = (events[-1].at - events[0].at) / (len(events) - 1)
    return min(BURST_SECONDS, max(LEAST_SILENCE, GAPS_OF_SILENCE * gap))


def find_bulk(going_on: Sequence[BulkEvent], now: float) -> list[Finding]:
    """Return a finding about a burst that is still going on; it begins with the first event."""
    lately = sum(one.at > now - BURST_SECONDS for one in going_on)
    if lately < LEAST_EVENTS:
        return []
    since = going_on[0].at
    counts = Counter(one.tenant for one in going_on)
    names = [safe_text(name, 60) for name, _ in counts.most_common()]
    if counts.most_common(1)[0][1] > MAJORITY * len(going_on):
        tenants = names[0]
    else:
        tenants = f"{len(names):,} tenants ({some_of(names)})"
    found = make_finding(
        rule=CACHE_BULK,
        subject="bulk invalidations",
        events=plural(len(going_on), "bulk invalidation"),
        tenants=tenants,
        span=age(now - since),
        measured=float(len(going_on)),
        threshold=float(LEAST_EVENTS),
        unit="events",
        samples=len(going_on),
        window_seconds=now - since,
    )
    return [replace(found, since=since)]
