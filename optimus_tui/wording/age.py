"""Durations and times of day as text, in UTC, and timestamps read back. Reads no clock itself.

Examples: ``0.8 s``, ``27 s``, ``4 min``, ``10:30:07``.
"""

import math
from datetime import UTC, datetime

from optimus_tui.wording.numbers import UNKNOWN


def age(seconds: float | None) -> str:
    """Return a duration: tenths below five seconds, then ``27 s``, ``4 min``, ``3 h``, ``2 d``; at least ``0.0 s``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    past = max(0.0, seconds)
    if past < 4.95:
        return f"{past:.1f} s"
    if past < 119.5:
        return f"{past:.0f} s"
    if past < 7200:
        return f"{past // 60:.0f} min"
    if past < 48 * 3600:
        return f"{past // 3600:.0f} h"
    return f"{past // 86_400:,.0f} d"


def clock(wall: float | None, *, dated: bool = False) -> str:
    """Return ``10:30:07`` in UTC (``2026-11-23 10:30:07`` when ``dated``); ``?`` for a time outside of the calendar."""
    if wall is None or not math.isfinite(wall):
        return UNKNOWN
    try:
        moment = datetime.fromtimestamp(wall, UTC)
    except (OverflowError, ValueError, OSError):
        return UNKNOWN
    if dated:
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{moment:%H:%M:%S}"


def ago(now: float, then: float) -> str:
    """Return ``27 s ago``, or the time of day where the wall clock was set back since, so that no duration is known."""
    if then - now > 1.0:
        return f"at {clock(then, dated=True)} (the clock was set back since)"
    return f"{age(now - then)} ago"


def seconds_of(stamp: object) -> float | None:
    """Return ``2025-01-29T10:30:00Z``, with or without a fraction, as seconds since the epoch; else None."""
    if not isinstance(stamp, str) or not stamp.endswith("Z"):
        return None
    try:
        moment = datetime.fromisoformat(stamp.removesuffix("Z"))
        seconds = moment.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    if math.isfinite(seconds):
        return seconds
    return None
