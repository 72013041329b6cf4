"""How often services are measured, by the history: the time until a proof is possible follows from it."""

import asyncio
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimus_tui.context import Context

PACE_MINUTES = 2.0
"""The minutes before an action whose measurements are looked at."""
PACE_WAIT_SECONDS = 1.0
"""How long the history may take to answer."""
PAUSED = 10.0
"""Times the median pause, from which on one tells that nothing was measured, not how often."""
USUAL_SECONDS, LONGEST_SECONDS = 2.0, 60.0


async def pace(ctx: "Context") -> float:
    """Return the seconds between two measurements of the slowest service; 2 s without a history."""
    try:
        async with asyncio.timeout(PACE_WAIT_SECONDS):
            windows = [await ctx.windows.series(f"state.{name}", PACE_MINUTES) for name in ("gateway", "engine")]
    except TimeoutError:
        return USUAL_SECONDS
    return slowest([[at for at, _ in window.samples] for window in windows])


def slowest(series: list[list[float]]) -> float:
    """Return the longest of the series' mean pauses, from 2 s to 60 s.

    The median would promise the ideal rate on a busy machine, where some checks come late. A pause ten times as long as
    the median is left out: nothing was measured then. So is a series with fewer than three times.
    """
    found = [USUAL_SECONDS]
    for times in series:
        gaps = [later - earlier for earlier, later in pairwise(times)]
        if len(gaps) > 1:
            most = PAUSED * median(gaps)
            found.append(fmean(gap for gap in gaps if gap <= most))
    return min(LONGEST_SECONDS, max(found))
