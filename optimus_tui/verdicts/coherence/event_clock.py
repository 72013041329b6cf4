"""Decide whether the times that events claim can be those at which they were sent. Pure.

Offsets are seconds, positive where a claim runs ahead of our clock.

Events are placed by their own timestamps: with a wrong clock or time zone at the publisher they fall out of every
window. A claim is compared with the arrival where that is known; in the log only a claim from the future is certain. A
few odd claims among many are a note, since tenants write payloads.
"""

from collections.abc import Collection, Sequence

from optimus_tui.contract.feed import ClockOffset
from optimus_tui.contract.finding_rules import EVENTS_CLOCK
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.wording.numbers import part_of

SKEW_SECONDS = 60.0
"""Clocks may differ by so much, and an event may be under way for so long."""
GRAVE_SECONDS = 300.0
ENOUGH_EVENTS = 3
_ZONE, _NEAR = 900.0, 300.0
"""Time zones lie a multiple of a quarter of an hour apart; an offset this near to one is taken for it."""
_NEWEST = 9


def by_arrival(offsets: Collection[float], enough: int = ENOUGH_EVENTS) -> ClockOffset | None:
    """Return the clock offset from claimed minus actual arrival times, or None where too few are off."""
    off = [one for one in offsets if abs(one) > SKEW_SECONDS]
    if len(off) < enough:
        return None
    ahead = [one for one in off if one > 0]
    if 2 * len(ahead) >= len(off):
        side = ahead
    else:
        side = [one for one in off if one < 0]
    return ClockOffset(seconds=_median(side), events=len(side), of=len(offsets))


def by_future(ahead: Sequence[float], of: int) -> ClockOffset | None:
    """Return the clock offset from claimed times in the future, by how many seconds, of ``of`` dated events in all."""
    if not ahead:
        return None
    return ClockOffset(seconds=_median(sorted(ahead)[-_NEWEST:]), events=len(ahead), of=of)


def find_clock(offset: ClockOffset | None) -> list[Finding]:
    """Return a finding: medium where most events are off by minutes, else low; none without an offset."""
    if offset is None:
        return []
    grave = abs(offset.seconds) >= GRAVE_SECONDS and 2 * offset.events >= offset.of and offset.events >= ENOUGH_EVENTS
    severity: Severity = "low"
    if grave:
        severity = "medium"
    events, ahead = part_of(offset.events, offset.of, "event"), clock_words(offset)
    message = ""
    if offset.seconds <= 0:
        message = phrase(EVENTS_CLOCK, "late", events=events, offset=ahead)
    return [
        make_finding(
            rule=EVENTS_CLOCK,
            severity=severity,
            subject="coherence events",
            message=message,
            events=events,
            offset=ahead,
            measured=offset.seconds,
            threshold=SKEW_SECONDS,
            unit="s",
            samples=offset.of,
        )
    ]


def clock_words(offset: ClockOffset) -> str:
    """Return ``timestamps run 2 h 0 min ahead``."""
    seconds = abs(offset.seconds)
    zone = round(seconds / _ZONE) * _ZONE
    if zone and abs(seconds - zone) <= _NEAR:
        seconds = zone
    hours, minutes = divmod(round(seconds / 60), 60)
    days, hours = divmod(hours, 24)
    span = f"{max(1, minutes)} min"
    if days:
        span = f"{days:,} d {hours} h"
    elif hours:
        span = f"{hours} h {minutes} min"
    side = "behind"
    if offset.seconds > 0:
        side = "ahead"
    return f"timestamps run {span} {side}"


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
