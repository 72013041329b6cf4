"""Arithmetic of monotone counters and histograms over a window. Pure.

A drop is a reset: the new value counts from zero, and no rate is ever negative. A series that appears while its process
is watched counts from zero as well; one that existed before counts from its first sample. Nothing is extrapolated to
the window's edges.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from optimus_tui.contract.metrics import Counted, Spread
from optimus_tui.history.samples.row_codec import Samples


def increase(samples: Samples, since: float, *, born: bool = False) -> tuple[float, int]:
    """Return the growth after ``since`` and the number of resets. Samples up to ``since`` only set the start."""
    total, resets = 0.0, 0
    last: float | None = 0.0 if born else None
    for at, value in samples:
        if at > since and last is not None:
            if value < last:
                resets += 1
                total += value
            else:
                total += value - last
        last = value
    return total, resets


def integrate(samples: Samples, longest_gap: float) -> float:
    """Return the amount behind a rate (per second) over its samples, without gaps over ``longest_gap``."""
    total = 0.0
    for (before, _), (at, rate) in pairwise(samples):
        if 0 < at - before <= longest_gap:
            total += rate * (at - before)
    return total


def covered_minutes(times: Sequence[float], longest_gap: float) -> float:
    """Return the minutes between neighbouring samples, without the gaps."""
    steps = (after - before for before, after in pairwise(times))
    return sum(step for step in steps if 0 < step <= longest_gap) / 60


def matches(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether every wanted label is present with that value."""
    return all(labels.get(name) == value for name, value in wanted.items())


def spread(buckets: Iterable[Counted], count: float, total: float) -> Spread:
    """Return the percentiles behind increases of ``le`` buckets, interpolated within a bucket as Prometheus does."""
    edges: dict[float, float] = {}
    for one in buckets:
        edge = _edge(one.labels.get("le", ""))
        if edge is not None:
            edges[edge] = edges.get(edge, 0.0) + one.increase
    ordered: list[tuple[float, float]] = []
    for edge in sorted(edges):  # cumulative, also where two looks met in the middle of an update
        ordered.append((edge, max(edges[edge], ordered[-1][1] if ordered else 0.0)))
    return Spread(
        count=count,
        mean=total / count if count > 0 else None,
        p50=quantile(ordered, 0.50),
        p95=quantile(ordered, 0.95),
        p99=quantile(ordered, 0.99),
        p50_edges=bucket_of(ordered, 0.50),
        p95_edges=bucket_of(ordered, 0.95),
        p99_edges=bucket_of(ordered, 0.99),
    )


def bucket_of(ordered: Sequence[tuple[float, float]], share: float) -> tuple[float, float] | None:
    """Return the edges of the bucket that holds a quantile; None where there is none."""
    found = _bucket(ordered, share)
    if found is None:
        return None
    return (min(found.lower, found.upper), found.upper)


def quantile(ordered: Sequence[tuple[float, float]], share: float) -> float | None:
    """Return a quantile of cumulative buckets (upper edge, observations up to it); at most the last finite edge."""
    found = _bucket(ordered, share)
    if found is None:
        return None
    if math.isinf(found.upper):
        if len(ordered) > 1:
            return found.lower
        return None
    if found.upper > 0:
        start = min(found.lower, found.upper)
    else:
        start = found.upper
    return start + (found.upper - start) * (found.rank - found.below) / (found.seen - found.below)


class _Bucket(NamedTuple):
    """The bucket that holds a quantile: its edges, the observations up to each, and which of them the quantile is."""

    lower: float
    upper: float
    below: float
    seen: float
    rank: float


def _bucket(ordered: Sequence[tuple[float, float]], share: float) -> _Bucket | None:
    if not ordered or ordered[-1][1] <= 0 or not math.isinf(ordered[-1][0]):
        return None
    rank, lower, below = share * ordered[-1][1], 0.0, 0.0
    for edge, seen in ordered:
        if seen >= rank and seen > below:
            return _Bucket(lower, edge, below, seen, rank)
        lower, below = edge, seen
    return None


def group_spreads(
    buckets: Collection[Counted], sums: Collection[Counted], counts: Collection[Counted], by: str | None
) -> dict[str, Spread]:
    """Return a histogram by the value of a label, the most used first; series without observations are left out."""
    observed: dict[str, float] = {}
    for one in counts:
        observed[_group(one, by)] = observed.get(_group(one, by), 0.0) + one.increase
    groups: dict[str, Spread] = {}
    for name, count in sorted(observed.items(), key=lambda item: -item[1]):
        if count > 0:
            total = sum(one.increase for one in sums if _group(one, by) == name)
            groups[name] = spread((one for one in buckets if _group(one, by) == name), count, total)
    return groups


def _group(one: Counted, by: str | None) -> str:
    if by:
        return one.labels.get(by, "")
    return ""


def _edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    if math.isnan(edge):
        return None
    return edge
