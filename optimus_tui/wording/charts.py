"""Samples as line charts for a page: polylines in a box of fixed size, and the labels beside them. Pure.

The axis starts at zero, so that noise does not look dramatic. A gap in the samples is a gap in the line; thinning keeps
the peaks.
"""

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from optimus_tui.wording.age import clock
from optimus_tui.wording.numbers import latency, percent, rate, size, thousands

CHART_WIDTH, CHART_HEIGHT, POINTS = 320, 64, 160
GAP_SECONDS = 90.0
Samples = Sequence[tuple[float, float]]

CHARTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "latency.gateway": ("Gateway", latency),
    "latency.engine": ("AI engine", latency),
    "latency.redis": ("Redis", latency),
    "hit_rate.gateway": ("Hit rate", percent),
    "cache.keys": ("Cache keys", lambda value: thousands(round(value))),
    "limits.counters": ("Rate-limit counters", lambda value: thousands(round(value))),
    "events.rate": ("Events", rate),
    "redis.memory": ("Redis memory", lambda value: size(round(value))),
}
"""By the series' name in the history: the chart's title and the format of its values."""


class Chart(Struct, frozen=True):
    """One line chart: polylines (a gap begins a new one) and the labels beside it. ``marks``: x of marked moments."""

    title: str
    lines: tuple[str, ...]
    lowest: str
    highest: str
    latest: str
    span: str
    marks: tuple[float, ...] = ()


def chart(name: str, samples: Samples, moments: Sequence[float] = ()) -> Chart | None:
    """Return the chart of a series; None with fewer than two points. ``moments``: wall-clock seconds to mark."""
    title, words = CHARTS[name]
    kept = [(at, value) for at, value in samples if math.isfinite(at) and math.isfinite(value)]
    if len(kept) < 2 or kept[-1][0] <= kept[0][0]:
        return None
    low, high = min(v for _, v in kept), max(v for _, v in kept)
    first, last = kept[0][0], kept[-1][0]
    top = 1.1 * high or 1.0
    if name.startswith("hit_rate"):
        top = 1.0
    lines: list[list[str]] = [[]]
    before = first
    for at, value in _thinned(kept):
        if at - before > max(GAP_SECONDS, 3 * (last - first) / POINTS):
            lines.append([])
        x = (at - first) / (last - first) * CHART_WIDTH
        y = CHART_HEIGHT * (1 - max(0.0, min(1.0, value / top)))
        lines[-1].append(f"{x:.1f},{y:.1f}")
        before = at
    return Chart(
        title,
        tuple(" ".join(line) for line in lines if line),
        words(low),
        words(high),
        words(kept[-1][1]),
        f"{clock(first, dated=True)} to {clock(last)} UTC",
        tuple(round((at - first) / (last - first) * CHART_WIDTH, 1) for at in moments if first <= at <= last),
    )


def _thinned(samples: Samples) -> Samples:
    """Return at most two points (the lowest and the highest) of each stretch, so that peaks stay."""
    if len(samples) <= POINTS:
        return samples
    size_of = math.ceil(len(samples) / (POINTS / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(samples), size_of):
        stretch = samples[start : start + size_of]
        ends = {min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])}
        kept += sorted(ends)
    return kept
