"""Times to live and countdowns as text: ``0:41``, ``4:05``, ``1:02:03``, ``36 h``, ``3 d``, ``never``, ``12-18 s``.

Seconds are rounded up, so that ``0:00`` means due and a key with 400 ms left is not shown as gone. "Never expires" and
"not known" (``?``) are kept apart.
"""

import math

from optimus_tui.wording.numbers import NOTHING, UNKNOWN

NEVER = "never"


def ttl(seconds: float | None, *, immortal: bool = False) -> str:
    """Return seconds left as a clock below a day, then hours, days, years. ``immortal`` wins; None is ``?``."""
    if immortal:
        return NEVER
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    left = max(0, math.ceil(seconds))
    if left < 3600:
        return f"{left // 60}:{left % 60:02d}"
    if left < 86_400:
        return f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    if left < 3 * 86_400:
        return f"{left // 3600} h"
    if left < 1000 * 86_400:
        return f"{left // 86_400:,} d"
    return f"{left // (365 * 86_400):,} y"


def until(seconds: float | None) -> str:
    """Return the seconds until something happens as ``now``, ``3 s``, ``4 min``; ``–`` for None or an infinite time."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds <= 0:
        return "now"
    left = math.ceil(seconds)
    if left < 120:
        return f"{left} s"
    if left < 7200:
        return f"{left // 60} min"
    return f"{left // 3600} h"


def span_ahead(earliest: float | None, latest: float | None) -> str:
    """Return when an event is expected, in at most nine cells: ``now``, ``12-18 s``, ``≈ 12 s``, ``2-4 min``, ``–``."""
    if earliest is None or latest is None or not (math.isfinite(earliest) and math.isfinite(latest)):
        return until(earliest)
    if latest <= 0:
        return "now"
    low, high = max(0, math.ceil(earliest)), math.ceil(latest)
    for unit, size, most in (("s", 1, 120), ("min", 60, 99 * 60)):
        if high < most:
            first, last = max(1, low // size), max(1, -(-high // size))
            if last > first:
                return f"{first}-{last} {unit}"
            return f"≈ {last} {unit}"
    first, last = low // 3600, -(-high // 3600)
    if last > first:
        return f"{first}-{min(last, 999)} h"
    return f"≈ {last} h"
