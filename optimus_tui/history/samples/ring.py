"""The last ten minutes of one measured number, in memory, of bounded size. Gaps are not filled."""

import math
from collections import deque
from itertools import islice
from typing import Literal

from optimus_tui.contract.health import Series

MAX_SAMPLES = 4096
LATEST, LATEST_SECONDS = 15, 120.0
"""How many single samples a series also holds, and how old they may be in seconds."""


def percentile(ordered: list[float], share: float) -> float | None:
    """Return the nearest-rank percentile (``share`` 0 to 1) of ascending values; None without any."""
    if not ordered:
        return None
    rank = -(-round(share * len(ordered) * 1_000_000) // 1_000_000)  # ceil, without 0.95 * 20 becoming 20
    return ordered[min(len(ordered), max(1, rank)) - 1]


class Ring:
    """The samples of the last ``seconds`` of the monotonic clock, at most 4,096 of them.

    A chart point holds several samples: ``combine`` says whether it shows the largest (latencies: a spike must not be
    averaged away) or their mean (shares).
    """

    def __init__(self, seconds: float = 600.0, combine: Literal["max", "mean"] = "max") -> None:
        self.seconds, self.combine = seconds, combine
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)

    def put(self, mono: float, value: float) -> None:
        """Add one sample taken at ``mono``, and drop those that are too old."""
        self._samples.append((mono, value))
        self._drop_old(mono)

    def clear(self) -> None:
        """Drop all samples, because another server answers now."""
        self._samples.clear()

    def series(self, mono: float, points: int = 40) -> Series:
        """Return the history as of ``mono``: at most ``points`` values, oldest first, and p50 and p95 over all samples.

        A few samples are shown one by one. Points without a sample (an outage) are left out.
        """
        self._drop_old(mono)
        if not self._samples:
            return Series()
        ordered = sorted(value for _, value in self._samples)
        return Series(
            values=self._resample(mono, points),
            p50=percentile(ordered, 0.50),
            p95=percentile(ordered, 0.95),
            samples=len(ordered),
            latest=self._latest(mono),
        )

    def _latest(self, mono: float) -> tuple[float, ...]:
        newest = list(islice(reversed(self._samples), LATEST))
        return tuple(value for taken, value in reversed(newest) if taken >= mono - LATEST_SECONDS)

    def _drop_old(self, mono: float) -> None:
        while self._samples and self._samples[0][0] < mono - self.seconds:
            self._samples.popleft()

    def _resample(self, mono: float, points: int) -> tuple[float, ...]:
        if len(self._samples) <= points:
            return tuple(value for _, value in self._samples)
        # A power of two seconds on a fixed grid: a point keeps its samples from one picture to the next, so that
        # nothing shimmers.
        span = max(mono - self._samples[0][0], 1e-9)
        width = 2.0 ** math.ceil(math.log2(span / (points - 1 or 1)))
        bins: dict[int, list[float]] = {}
        for taken, value in self._samples:
            bins.setdefault(int(taken // width), []).append(value)
        grouped = [bins[key] for key in sorted(bins)][-points:]
        if self.combine == "max":
            return tuple(max(one) for one in grouped)
        return tuple(sum(one) / len(one) for one in grouped)
