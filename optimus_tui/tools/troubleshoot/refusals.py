"""Refusals for the tools that judge limits: over the window, since the gateway's start, between two reads of counters.

The counters are read, then the gateway's page several times, then the counters again: growth between the samples lies
between the reads. A gateway's whole life is not taken for the window: where its start is older or unknown, the
document says so.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import Counter, LimitRules
from optimus_tui.contract.metrics import REFUSED, REQUESTS, Counted, Increase, MetricsState
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.grammar.keys import parse_key
from optimus_tui.grammar.prometheus import split_series
from optimus_tui.index.limits import LimitIndex
from optimus_tui.tools.figures.metric_windows import Counters, latest_pages, live_increase
from optimus_tui.tools.keyspace_scan import Survey, read_known
from optimus_tui.tools.parts import part
from optimus_tui.verdicts.gateway.performance import WindowRefusals, refusals
from optimus_tui.verdicts.limits.refusals import find_refusals, find_refused_below

if TYPE_CHECKING:
    from optimus_tui.context import Context

LOOK_SECONDS, COUNT_SECONDS = 4.5, 1.5
SLOPE_SECONDS = 2.0
FEW_NAMES = 500
MAX_NEIGHBOURS = 300
AGELESS_MINUTES = 1.0
"""Stands for a time that nobody knows; never shown."""
LATEST_SAMPLE = 4.0
"""Seconds after the tool's begin; later, there is no time for a second read."""


class Watched(Struct, frozen=True, kw_only=True):
    """Counters read twice, the gateway's page sampled in between.

    ``index`` holds both reads, ``second`` is empty and ``slope_seconds`` None where there was one only.
    """

    index: LimitIndex
    first: dict[bytes, Counter]
    second: dict[bytes, Counter]
    slope_seconds: float | None
    fault: Fault | None


async def read_twice(
    ctx: "Context", counters: Counters, seen: Survey, names: Iterable[bytes], others: Iterable[bytes], began: float
) -> Watched:
    """Read ``names`` before, amid and after the samples of the gateway's page; ``others`` once, before."""
    names, index = list(names), LimitIndex()
    first, fault = await read_known(ctx, seen, [*names, *others])
    index.put(first)
    read_at, again = ctx.clock.mono(), list[Counter]()
    slope_seconds = None
    if first and fault is None and read_at - began < LATEST_SAMPLE:
        await asyncio.gather(
            part(ctx, counters.looks(), "/metrics", LOOK_SECONDS), _between(ctx, seen, names, index, read_at)
        )
        again, incomplete = await read_known(ctx, seen, names, COUNT_SECONDS)
        if incomplete is None:
            index.put(again)
            index.gone(set(names) - {counter.key for counter in again}, ctx.clock.mono())
            slope_seconds = ctx.clock.mono() - read_at
    asked = set(names)
    return Watched(
        index=index,
        first={one.key: one for one in first if one.key in asked},
        second={one.key: one for one in again} if slope_seconds is not None else {},
        slope_seconds=slope_seconds,
        fault=fault,
    )


async def _between(ctx: "Context", seen: Survey, names: Sequence[bytes], index: LimitIndex, read_at: float) -> None:
    """One more read half-way, where that is cheap: it tells one burst from a lasting pace."""
    await asyncio.sleep(SLOPE_SECONDS / 2)
    if len(names) <= FEW_NAMES:
        between, _ = await read_known(ctx, seen, names, COUNT_SECONDS)
        index.put(between)
    await asyncio.sleep(max(0.0, SLOPE_SECONDS - (ctx.clock.mono() - read_at)))


def neighbours(seen: Survey, names: Collection[bytes]) -> list[bytes]:
    """Return other tenants' counters of the same operations: they tell a low limit from a busy client."""
    own = {*seen.of_tenant, *names}
    others: dict[bytes, list[bytes]] = {parse_key(name).operation: [] for name in names}
    for one in seen.limits.names_to_read(seen.limits.total + 1) if others else ():
        operation = parse_key(one).operation
        if operation in others and one not in own:
            others[operation].append(one)
    each = max(1, MAX_NEIGHBOURS // max(1, len(others)))
    return [one for names in others.values() for one in names[:each]][:MAX_NEIGHBOURS]


class RefusalEvidence(Struct, frozen=True, kw_only=True):
    """Requests and refusals of all tenants over the longest time that is known within the window.

    ``ageless`` are those of the gateway's whole life where nobody knows how long that is, None elsewhere. ``older`` is
    a sentence about refusals that may lie before the window. ``growth`` is what grew between the samples.
    """

    requests: Increase
    refused: WindowRefusals
    growth: Increase
    ageless: tuple[Increase, WindowRefusals] | None = None
    older: str = ""

    def findings(self, watched: Watched, rules: LimitRules | None, tenant: str | None) -> list[Finding]:
        """Return the findings for one tenant, or for all (None)."""
        found = find_refusals(self.requests, self.refused.grown, tenant)
        if not found and self.ageless is not None:
            requests, refused = self.ageless
            found = find_refusals(requests, refused.grown, tenant, since_start=True)
        return [*found, *find_refused_below(self.growth, watched.first, watched.second, rules)]


async def read_refusals(ctx: "Context", counters: Counters, minutes: float) -> RefusalEvidence:
    """Return the recorded refusals of the window, else what the gateway's page shows. An outage raises nothing."""
    requests, refused, looks = await asyncio.gather(
        _increase(ctx, counters, REQUESTS),
        _increase(ctx, counters, REFUSED),
        part(ctx, counters.looks(), "/metrics", LOOK_SECONDS),
    )
    seen: Sequence[Reading[MetricsState]] = []
    if not isinstance(looks, Fault):
        seen = looks
    if seen:
        growth = live_increase(REFUSED, seen, {})
    else:
        growth = Increase(name=REFUSED)
    kept = RefusalEvidence(requests=requests, refused=refusals(requests, refused), growth=growth)
    if requests.several or refused.several:
        return kept
    return _since_start(kept, seen, minutes, ctx.clock.wall())


async def _increase(ctx: "Context", counters: Counters, metric: str) -> Increase:
    found = await part(ctx, counters.increase(metric), metric, LOOK_SECONDS)
    if isinstance(found, Fault):
        return Increase(name=metric, fault=found)
    return found


def _since_start(
    kept: RefusalEvidence, looks: Sequence[Reading[MetricsState]], minutes: float, now: float
) -> RefusalEvidence:
    """The same with the whole life of the gateway's processes in place of seconds, where it lies in the window."""
    latest = latest_pages(one.value for one in looks if one.value is not None and one.value.published)
    if not latest or any(state.left_out for state in latest):
        return kept
    ages = [None if state.started_at is None else (now - state.started_at) / 60 for state in latest]
    known = [age for age in ages if age is not None]
    covered = max(known, default=0.0)
    if covered and covered <= kept.refused.grown.covered_minutes:
        return kept
    requests = _life(REQUESTS, latest, covered or AGELESS_MINUTES)
    refused = refusals(requests, _life(REFUSED, latest, covered or AGELESS_MINUTES))
    total = refused.grown.total
    if len(known) == len(ages) and covered <= minutes:
        return replace(kept, requests=requests, refused=refused)
    if not total or (kept.refused.grown.source != "live" and kept.refused.grown.covered_minutes > 0):
        return kept
    if len(known) == len(ages):
        since = f"{total:,.0f} since the gateway's start {covered / 60:,.1f} h ago"
        return replace(kept, older=f"{since}; how many of them in the window is unknown")
    since = f"{total:,.0f} since the gateway started, at an unknown time"
    return replace(kept, ageless=(requests, refused), older=since)


def _life(metric: str, states: Iterable[MetricsState], minutes: float) -> Increase:
    """Everything that the processes have counted, as if it had grown from zero within ``minutes``."""
    series, published = [], False
    for state in states:
        published = published or metric in state.metrics
        for name, value in state.values.items():
            own, labels = split_series(name)
            if own == metric:
                series.append(Counted(labels=labels, increase=value))
    return Increase(name=metric, series=tuple(series), covered_minutes=minutes if published or series else 0.0)
