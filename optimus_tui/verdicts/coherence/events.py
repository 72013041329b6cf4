"""Events of the log by their own timestamps, in whatever order they lie. Pure; wall-clock seconds.

A bad event spoils no other. The part of the window before the log's oldest event is not covered.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from optimus_tui.contract.feed import ClockOffset, ParsedEvent
from optimus_tui.grammar.events import parse_event
from optimus_tui.verdicts.coherence.event_clock import SKEW_SECONDS, by_future
from optimus_tui.wording.safe import safe_text

FUTURE_SECONDS = SKEW_SECONDS
"""A sender's clock may be ahead by so much; what claims a later time is counted apart."""
MAX_NAMES = 50
FLOOD_SECONDS, FLOOD_EVENTS = 5.0, 100


class Logged(Struct, frozen=True):
    """One well-formed event with its time."""

    at: float
    event: ParsedEvent
    payload: bytes


class EventWindow(Struct, frozen=True, kw_only=True):
    """The window's events, the newest first, and what became of the others.

    ``ahead`` is how many seconds the newest claim runs ahead of our clock; ``oldest`` is the oldest time that any
    well-formed event claims; ``clock``: how far the claims that lie in the future are off.
    """

    events: tuple[Logged, ...] = ()
    read: int = 0
    older: int = 0
    malformed: int = 0
    undated: int = 0
    in_future: int = 0
    clock: ClockOffset | None = None
    ahead: float = 0.0
    oldest: float | None = None


def pick_window(payloads: Iterable[bytes], wall: float, minutes: float) -> EventWindow:
    """Return the events of the last ``minutes``. One without a readable time counts as malformed."""
    start = wall - minutes * 60
    inside: list[Logged] = []
    future: list[float] = []
    read = older = malformed = undated = 0
    ahead, oldest = 0.0, None
    for payload in payloads:
        read += 1
        event = parse_event(payload)
        at = event.claimed_at
        if event.problem is not None or at is None:
            malformed += 1
            undated += event.problem is None
            continue
        if at > wall + FUTURE_SECONDS:
            future.append(at - wall)
            continue
        ahead = max(ahead, at - wall)
        if oldest is None:
            oldest = at
        else:
            oldest = min(oldest, at)
        if at < start:
            older += 1
        else:
            inside.append(Logged(at, event, payload))
    inside.sort(key=lambda one: -one.at)
    return EventWindow(
        events=tuple(inside),
        read=read,
        older=older,
        malformed=malformed,
        undated=undated,
        in_future=len(future),
        clock=by_future(future, len(inside) + older + len(future)),
        ahead=ahead,
        oldest=oldest,
    )


def covered_minutes(seen: EventWindow, wall: float, minutes: float) -> float:
    """Return how many minutes of the window the log reaches back; 0 if it holds no event with a time."""
    if seen.oldest is None:
        return 0.0
    return max(0.0, min(float(minutes), (wall - seen.oldest) / 60))


def per_minute(events: int, minutes: float) -> float | None:
    """Return events a minute; None for a single event, and where no time is covered."""
    if minutes > 0 and events != 1:
        return round(events / minutes, 2)
    return None


def events_per_second(seen: EventWindow, wall: float) -> float | None:
    """Return events a second over the last ``FLOOD_SECONDS``, or over what the log still holds of them.

    None where there are too few events for a rate.
    """
    newest = [one.at for one in seen.events if one.at >= wall - FLOOD_SECONDS]
    if len(newest) < FLOOD_EVENTS:
        return None
    if len(newest) < len(seen.events) or seen.older:
        reach = FLOOD_SECONDS
    else:
        reach = max(newest) - min(newest)
    return len(newest) / max(reach, 0.001)


def tally(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, the most frequent first; the names after the fiftieth are summed up."""
    return bounded(Counter(safe_text(name, 80) for name in names))


def bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the fifty largest counts, and one entry for all others."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:MAX_NAMES])
    if len(ordered) > MAX_NAMES:
        kept[f"({len(ordered) - MAX_NAMES:,} others)"] = sum(count for _, count in ordered[MAX_NAMES:])
    return kept
