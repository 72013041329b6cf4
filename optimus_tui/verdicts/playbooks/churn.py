"""Invalidations: how many, of what, by whom; and keys that are refilled only to be invalidated again. Pure.

A second event for the same keys that really removed some proves that they were refilled in between. The events' own
times count, not the log's order, and unreadable events are counted.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from optimus_tui.contract.feed import ClockOffset
from optimus_tui.grammar.events import parse_event
from optimus_tui.verdicts.coherence.events import Logged, covered_minutes, events_per_second, pick_window, tally
from optimus_tui.wording.safe import safe_text

SECONDS = 10.0
"""A refill that lived no longer than this was not worth its work."""
_NAMES = ("key", "cache_key", "keys", "patterns", "pattern")
_REMOVED = ("keys_invalidated", "invalidated", "keys_deleted", "deleted", "count")
MAX_NAME_BYTES = 512
MAX_NAMES = 20


class Invalidations(Struct, frozen=True, kw_only=True):
    """Events of the window; one without a time, or from the future, is ``undated``.

    ``clock`` is how far claims are off. ``covered_minutes`` is shorter than the window where the log does not reach
    back so far. ``refills`` counts, by the name or pattern, how often it was refilled and invalidated again within
    ``SECONDS``.
    """

    events: int = 0
    malformed: int = 0
    undated: int = 0
    clock: ClockOffset | None = None
    covered_minutes: float = 0.0
    by_type: dict[str, int] = field(default_factory=dict)
    by_tenant: dict[str, int] = field(default_factory=dict)
    refills: dict[str, int] = field(default_factory=dict)
    per_second: float | None = None
    """In the last few seconds; None where there were too few to call it a rate."""


def count(payloads: Sequence[bytes], now: float, minutes: float) -> Invalidations:
    """Return what the payloads tell of the last ``minutes``; the log covers as far back as its oldest event."""
    seen = pick_window(payloads, now, minutes)
    return Invalidations(
        events=len(seen.events),
        malformed=seen.malformed - seen.undated,
        undated=seen.undated + seen.in_future,
        clock=seen.clock,
        covered_minutes=covered_minutes(seen, now, minutes),
        by_type=tally(one.event.type for one in seen.events),
        by_tenant=tally(one.event.tenant for one in seen.events),
        refills=_refills(seen.events[::-1]),
        per_second=events_per_second(seen, now),
    )


def newest_end(payloads: Sequence[bytes]) -> Sequence[bytes]:
    """Return the half with the newest event of a log that was read at both ends; what lies between was not read."""
    middle = len(payloads) // 2
    ends = (payloads[:middle], payloads[middle:])
    return max(ends, key=lambda end: max((parse_event(one).claimed_at or 0.0 for one in end), default=0.0))


def _refills(oldest_first: Sequence[Logged]) -> dict[str, int]:
    last: dict[tuple[str, ...], float] = {}
    refills: dict[str, int] = {}
    for one in oldest_first:
        at, event = one.at, one.event
        names, removed = _named(one.payload)
        if not names:
            continue
        subject = (event.tenant, *names)  # an event says how many keys went, not which of its patterns they fitted
        before = last.get(subject)
        if before is not None and removed and 0 < at - before <= SECONDS:
            refills[names[0]] = refills.get(names[0], 0) + 1
        last[subject] = at
    return {safe_text(name, 120): number for name, number in sorted(refills.items(), key=lambda one: -one[1])}


def _named(payload: bytes) -> tuple[list[str], bool]:
    """The keys or patterns that an event names, and whether it says that it removed some."""
    event: dict[str, Any] = msgspec.json.decode(payload)
    names: list[str] = []
    for place in _NAMES:
        value = event.get(place)
        if isinstance(value, str):
            names.append(value)
        elif isinstance(value, list):
            names += [name for name in value if isinstance(name, str)]
    removed = next((event[name] for name in _REMOVED if name in event), None)
    known = isinstance(removed, int) and not isinstance(removed, bool) and removed > 0
    short = [name for name in dict.fromkeys(names) if 0 < len(name) <= MAX_NAME_BYTES]
    return short[:MAX_NAMES], known or (isinstance(removed, list) and bool(removed))
