"""Percentiles of measured values, None without values. Pure."""

import math
from collections.abc import Sequence

from msgspec import Struct


class Figures(Struct, frozen=True, kw_only=True):
    """Percentiles, mean and extremes of samples, in the samples' unit; None without samples."""

    samples: int
    average: float | None = None
    lowest: float | None = None
    highest: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that ``share`` of the ``ordered`` values do not exceed; None without values."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


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
