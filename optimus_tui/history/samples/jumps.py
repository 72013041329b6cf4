"""Detect steps of a counter that are not one process' traffic: another process, with other totals, answered. Pure.

A balancer may stay with one worker for many readings and then switch to another whose counters are all higher, so that
nothing falls. What shows is a step much larger than all others, in everything that moves. A short burst looks the same,
so the answer is "one of both" and no rate is given. Steps between readings that are proved to be of one process are
never in doubt.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

UNTOLD_TIMES, TOLD_TIMES = 5.0, 8.0
"""A step this many times as fast as all ordinary ones may be another process; the second figure applies to readings
with one start time, which two workers seldom share."""
TOLD_LEAST = 100.0
"""A smaller growth from one reading to the next is never examined where the start time stays the same."""
MOST_JUMPS = 3
"""More such steps than this are bursts of traffic, because workers seldom follow each other in the order of their
counters."""
SHORT_STREAM = 8
"""With fewer readings than this several processes may be mixed without any counter falling."""


class _Step(NamedTuple):
    """The growth between two readings."""

    rate: float
    grown: float
    number: int
    at: float


def jumps(
    times: Sequence[float],
    grown: Mapping[float, float],
    series: Collection[Mapping[float, float]],
    least: float,
    *,
    same_start: bool,
) -> list[float]:
    """Return the readings at which another process may have answered; empty where one process can explain all growth.

    Args:
        times: of all readings of what may be one process.
        grown: the growth of all series together since the reading before, by reading.
        series: the same for each series.
        least: growth from one reading to the next from which on a step is examined.
        same_start: whether all these readings have the same start time.
    """
    steps = [
        _Step(grown.get(at, 0.0) / (at - before), grown.get(at, 0.0), number, at)
        for number, (before, at) in enumerate(pairwise(times))
        if at > before
    ]
    factor = UNTOLD_TIMES
    if same_start:
        factor, least = TOLD_TIMES, max(least, TOLD_LEAST)
    chosen = _outliers(sorted(steps, reverse=True), least, factor)
    if not same_start and len(times) < SHORT_STREAM:
        return chosen
    if all(_all_jumped(series, at, times, chosen, factor) for at in chosen):
        return chosen
    return []


def _outliers(ranked: Sequence[_Step], least: float, factor: float) -> list[float]:
    """Return the few fastest steps where a gap separates them from all others.

    Steps that follow one another are a burst of traffic over several readings and do not count.
    """
    for count in range(1, min(MOST_JUMPS, len(ranked) - 1) + 1):
        chosen = ranked[:count]
        if chosen[-1].grown <= least:
            return []
        if chosen[-1].rate > factor * (ranked[count].rate + 1):
            numbers = sorted(one.number for one in chosen)
            if any(b - a == 1 for a, b in pairwise(numbers)):
                return []
            return [one.at for one in chosen]
    return []


def _all_jumped(
    series: Collection[Mapping[float, float]],
    at: float,
    times: Sequence[float],
    chosen: Collection[float],
    factor: float,
) -> bool:
    """Return whether all series that also grow at other times jumped at this reading.

    A burst leaves some series as they were, and another process has other figures throughout.
    """
    length = {after: after - before for before, after in pairwise(times)}
    others = sum(seconds for when, seconds in length.items() if when not in chosen)
    moving = 0
    for steps in series:
        usual = sum(value for when, value in steps.items() if when not in chosen)
        if usual >= 5:
            moving += 1
            if steps.get(at, 0.0) <= factor * (usual * length[at] / max(others, 1e-9) + 1):
                return False
    return moving > 0
