"""The gateway's counters over a window: Prometheus, else history, else two looks at ``/metrics`` a second apart.

The answer says which. It refuses to call a window what was only looked at for a second: ``covered_minutes`` tells.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.contract.metrics import Counted, Increase, MetricsState, Quantiles
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.grammar.prometheus import HISTOGRAM_PARTS, split_series
from optimus_tui.history.counters import group_spreads, matches

if TYPE_CHECKING:
    from optimus_tui.context import Context

APART_SECONDS = 1.0


class Counters:
    """Asks the window first; looks for itself at most once, whatever is asked."""

    def __init__(self, ctx: "Context", minutes: float, apart: float = APART_SECONDS) -> None:
        self._ctx, self._minutes, self._apart = ctx, minutes, apart
        self._looks: asyncio.Task[tuple[Reading[MetricsState], Reading[MetricsState]]] | None = None

    async def increase(self, metric: str, labels: Mapping[str, str] | None = None) -> Increase:
        """Growth of a counter; ``covered_minutes`` 0 where nobody knows, with the reason in ``fault``."""
        kept = await self._ctx.windows.increase(metric, self._minutes, labels)
        if kept.covered_minutes > 0:
            return kept
        before, after = await self._live()
        return live_increase(metric, before, after, labels or {})

    async def quantiles(self, histogram: str, by: str) -> Quantiles:
        """Percentiles by the value of a label, in seconds."""
        kept = await self._ctx.windows.quantiles(histogram, self._minutes, by=by)
        if kept.covered_minutes > 0 and kept.groups:
            return kept
        before, after = await self._live()
        parts = [live_increase(f"{histogram}{part}", before, after, {}) for part in HISTOGRAM_PARTS]
        buckets, sums, counts = parts
        groups = await asyncio.to_thread(group_spreads, buckets.series, sums.series, counts.series, by)
        return Quantiles(
            name=histogram, groups=groups, covered_minutes=counts.covered_minutes, source="live", fault=counts.fault
        )

    async def latest(self) -> Reading[MetricsState]:
        """The second of the two looks."""
        return (await self._live())[1]

    async def _live(self) -> tuple[Reading[MetricsState], Reading[MetricsState]]:
        if self._looks is None:
            self._looks = asyncio.ensure_future(self._look_twice())
        return await asyncio.shield(self._looks)

    async def _look_twice(self) -> tuple[Reading[MetricsState], Reading[MetricsState]]:
        from optimus_tui.probes.metrics import read_metrics

        ctx = self._ctx
        first = await read_metrics(ctx.http, ctx.settings, ctx.clock)
        if first.value is None or not first.value.published:
            return first, first
        await asyncio.sleep(max(0.0, self._apart - (ctx.clock.mono() - first.taken_mono)))
        return first, await read_metrics(ctx.http, ctx.settings, ctx.clock)


def live_increase(
    metric: str, before: Reading[MetricsState], after: Reading[MetricsState], labels: Mapping[str, str]
) -> Increase:
    """Growth between two looks. A drop is a reset, what appeared between them grew from zero."""
    first, second = before.value, after.value
    seconds = after.taken_mono - before.taken_mono
    if first is None or second is None:
        return Increase(name=metric, fault=after.fault or before.fault)
    if not (first.published and second.published):
        return Increase(name=metric, fault=Fault("invalid", "the gateway publishes no /metrics (it answered 404)"))
    cut = bool(first.left_out or second.left_out)
    series = []
    for name, value in second.values.items():
        own, found = split_series(name)
        if own != metric or not matches(found, labels) or (cut and name not in first.values):
            continue
        start = first.values.get(name, 0.0)
        reset = value < start
        series.append(Counted(labels=found, increase=value if reset else value - start, resets=int(reset)))
    published = any(split_series(name)[0] == metric for name in second.values)
    answer = Increase(name=metric, series=tuple(series), covered_minutes=max(0.0, seconds) / 60)
    if published or seconds <= 0:
        return answer
    return replace(answer, covered_minutes=0.0, fault=Fault("invalid", f"the gateway's /metrics holds no {metric}"))
