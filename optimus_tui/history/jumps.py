"""Steps of a counter that are no traffic of one process: another process, with other totals, answered. Pure.

A balancer may keep one worker for many looks and then take another whose counters are all higher: nothing falls back.
What shows is a step that grew as no other did, in everything that moves. A short burst looks the same, so the answer is
"one of both" and no rate is told. Steps between looks that are proved to be of one process are never in doubt.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

UNTOLD_TIMES, TOLD_TIMES = 5.0, 8.0
"""A step that grew so many times as fast as all ordinary ones may be another process; with one start time throughout,
which seldom is that of two workers, it takes more."""
TOLD_LEAST = 100.0
"""Less growth than this from one look to the next is in no question where the start time stays the same."""
MOST_JUMPS = 3
"""Workers seldom follow each other in the order of their counters: more such steps than this are traffic in bursts."""
SHORT_STREAM = 8
"""With fewer looks than this a mixture of processes may hide: no counter need have fallen back yet."""


class _Step(NamedTuple):
    """Growth between two looks."""

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
    told: bool,
) -> list[float]:
    """The looks at which another process may have answered; empty where all growth can be one process' traffic.

    Args:
        times: of all looks at what may be one process.
        grown: by look the growth of all series together since the look before.
        series: the same for each series.
        least: growth from one look to the next that is in question.
        told: whether all these looks told the same start time.
    """
    steps = [
        _Step(grown.get(at, 0.0) / (at - before), grown.get(at, 0.0), number, at)
        for number, (before, at) in enumerate(pairwise(times))
        if at > before
    ]
    factor = TOLD_TIMES if told else UNTOLD_TIMES
    chosen = _outliers(sorted(steps, reverse=True), max(least, TOLD_LEAST) if told else least, factor)
    if not told and len(times) < SHORT_STREAM:
        return chosen
    return chosen if all(_all_jumped(series, at, times, chosen, factor) for at in chosen) else []


def _outliers(ranked: Sequence[_Step], least: float, factor: float) -> list[float]:
    """The few fastest steps where a gap lies between them and all others, and none follows another: a burst of several
    looks is traffic."""
    for count in range(1, min(MOST_JUMPS, len(ranked) - 1) + 1):
        chosen = ranked[:count]
        if chosen[-1].grown <= least:
            return []
        if chosen[-1].rate > factor * (ranked[count].rate + 1):
            numbers = sorted(one.number for one in chosen)
            return [] if any(b - a == 1 for a, b in pairwise(numbers)) else [one.at for one in chosen]
    return []


def _all_jumped(
    series: Collection[Mapping[float, float]],
    at: float,
    times: Sequence[float],
    chosen: Collection[float],
    factor: float,
) -> bool:
    """Whether all series that also grow at other times jumped at this one: a burst leaves some as they were, and
    another process has other figures throughout."""
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
