"""Percentiles of samples, and how many samples a high percentile needs. Pure."""

import math
from collections.abc import Sequence

FEWEST = 20
"""A p95 of fewer samples is only the slowest of them: it is unknown, and the slow ones are counted instead."""


def is_known(share: float, samples: float) -> bool:
    """Return True if there are enough samples for a percentile (``share`` from 0 to 1): 20 for one above the median."""
    return samples > 0 and (share <= 0.5 or round(samples) >= FEWEST)


def few_of(ordered: Sequence[float]) -> tuple[float, ...]:
    """Return the ascending values themselves if they are too few for a p95, else none."""
    if len(ordered) < FEWEST:
        return tuple(ordered)
    return ()


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that ``share`` of the ascending values do not exceed; None where it is not known."""
    if not is_known(share, len(ordered)):
        return None
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]
