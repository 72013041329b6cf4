"""Statistics for verdicts: percentiles, confidence intervals of shares, slopes of series; None if unknown. Pure."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from msgspec import Struct

from optimus_tui.contract.percentiles import percentile

Z = 1.96
"""Of a two-sided interval of 95 %."""
CERTAIN_SAMPLES = 100
"""A figure of this many samples is not over its limit by chance."""
MIN_SAMPLES = 10
MIN_MINUTES = 5.0
MAX_POINTS = 120
"""More samples are summed up by medians of as many stretches: 7,140 pairs are quick."""
MIN_SHARE = 0.02
"""A rise over the window by less than this share of the level is noise."""
_Z = 1.96
_STRETCHES = 6
_LEAST_STEP, _LARGEST_STEP = 0.05, 0.5
"""Of the whole rise, what each stretch adds to the one before it."""


def interval(hits: float, of: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a share of ``hits`` of ``of``; (0, 1) where nothing was counted."""
    if of <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, hits / of))
    square = Z * Z / of
    middle = share + square / 2
    spread = Z * math.sqrt(share * (1 - share) / of + square / (4 * of))
    return max(0.0, (middle - spread) / (1 + square)), min(1.0, (middle + spread) / (1 + square))


def surely_less(hits: float, of: float, share: float) -> bool:
    """Return True if the true share behind ``hits`` of ``of`` is below ``share`` with 95 % confidence."""
    return interval(hits, of)[1] < share


class Figures(Struct, frozen=True, kw_only=True):
    """Percentiles, mean and extremes of samples, in the samples' unit; None without samples.

    With fewer than 20 samples ``p95`` and ``p99`` are None.
    """

    samples: int
    average: float | None = None
    lowest: float | None = None
    highest: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def figures(values: Sequence[float]) -> Figures:
    """Return all figures at once; values that are not finite are left out."""
    ordered = sorted(value for value in values if math.isfinite(value))
    if not ordered:
        return Figures(samples=0)
    return Figures(
        samples=len(ordered),
        average=math.fsum(ordered) / len(ordered),
        lowest=ordered[0],
        highest=ordered[-1],
        p50=percentile(ordered, 0.50),
        p95=percentile(ordered, 0.95),
        p99=percentile(ordered, 0.99),
    )


Samples = Sequence[tuple[float, float]]


class Trend(Struct, frozen=True, kw_only=True):
    """A slope in units per hour with its 95 % interval. ``growing``: certainly, steadily, and by more than noise."""

    per_hour: float
    low: float
    high: float
    first: float
    last: float
    samples: int
    minutes: float
    growing: bool

    @property
    def document(self) -> dict[str, float | int | bool]:
        """Return the trend as documents show it."""
        return {
            "slope_per_hour": round(self.per_hour, 3),
            "confidence_low": round(self.low, 3),
            "confidence_high": round(self.high, 3),
            "confidence": 0.95,
            "first": round(self.first, 3),
            "last": round(self.last, 3),
            "samples": self.samples,
            "minutes": round(self.minutes, 1),
            "growing": self.growing,
        }


def trend(samples: Samples, *, least_rise: float = 0.0) -> Trend | None:
    """Return the trend of (seconds, value) samples, oldest first; None with too few or over too short a time.

    ``least_rise`` is the rise over the window, in units, below which nothing is called growth.
    """
    known = [(at, value) for at, value in samples if math.isfinite(at) and math.isfinite(value)]
    if len(known) < MIN_SAMPLES or known[-1][0] - known[0][0] < MIN_MINUTES * 60:
        return None
    points = _points(known)
    low, middle, high = _slopes(points)
    edge = max(1, len(points) // 5)
    first, last = median(v for _, v in points[:edge]), median(v for _, v in points[-edge:])
    minutes = (known[-1][0] - known[0][0]) / 60
    needed = max(least_rise, MIN_SHARE * abs(first))
    return Trend(
        per_hour=middle * 3600,
        low=low * 3600,
        high=high * 3600,
        first=first,
        last=last,
        samples=len(known),
        minutes=minutes,
        growing=low > 0 and last - first > needed and _steady(known),
    )


def _steady(known: Samples) -> bool:
    """Return whether the lowest value rises in every stretch of time, without one sudden jump."""
    began, ended = known[0][0], known[-1][0]
    stretches: list[list[float]] = [[] for _ in range(_STRETCHES)]
    for at, value in known:
        stretches[min(_STRETCHES - 1, int((at - began) / (ended - began) * _STRETCHES))].append(value)
    floors = [sorted(values)[len(values) // 10] for values in stretches if values]
    rise = floors[-1] - floors[0]
    steps = [after - before for before, after in pairwise(floors)]
    return rise > 0 and len(steps) >= 3 and all(_LEAST_STEP * rise <= step <= _LARGEST_STEP * rise for step in steps)


def _points(known: Samples) -> list[tuple[float, float]]:
    if len(known) <= MAX_POINTS:
        return list(known)
    size = len(known) / MAX_POINTS
    stretches = [known[int(n * size) : int((n + 1) * size)] for n in range(MAX_POINTS)]
    return [(median(at for at, _ in some), median(value for _, value in some)) for some in stretches]


def _slopes(points: Samples) -> tuple[float, float, float]:
    """Lower bound, median and upper bound of the slopes of all pairs, in units a second (Sen's interval)."""
    slopes = sorted(
        (later[1] - one[1]) / (later[0] - one[0])
        for index, one in enumerate(points)
        for later in points[index + 1 :]
        if later[0] > one[0]
    )
    if not slopes:
        return 0.0, 0.0, 0.0
    number = len(points)
    spread = _Z * math.sqrt(number * (number - 1) * (2 * number + 5) / 18)
    below = max(0, math.floor((len(slopes) - spread) / 2))
    above = min(len(slopes) - 1, math.ceil((len(slopes) + spread) / 2))
    return slopes[below], median(slopes), slopes[above]
