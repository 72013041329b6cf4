"""The cache's hit rate of now: from what was kept, else from several samples within seconds.

A lifetime average is not now. Sources, the surest first: counts that the gateway publishes beside its rate, as kept
over half a minute; its counters ``cache_hits_total`` and ``cache_misses_total`` over the window; with ``live`` several
looks at the counts beside its rate. Counts of several processes, which fall or jump from look to look, give none.
"""

import asyncio
import math
from typing import TYPE_CHECKING

from optimus_tui.contract.metrics import HITS, MISSES, Increase
from optimus_tui.contract.services import HitRate
from optimus_tui.grammar.prometheus import split_series
from optimus_tui.history.samples.process_lives import ProcessReading
from optimus_tui.history.samples.processes import grow
from optimus_tui.tools.figures.metric_windows import JUMP, Counters
from optimus_tui.verdicts.gateway.hit_rate import MIN_LOOKUPS, RECENT_LOOKUPS

if TYPE_CHECKING:
    from optimus_tui.context import Context

RATE_MINUTES = 0.5
"""What is called "now": a window of many minutes forgets a fault as slowly as it notices one."""
RECENT_WAIT_SECONDS = 0.9
FRESH_SECONDS = 15.0
"""A kept sample that is older tells nothing of now."""
LOOKS, APART_SECONDS = 6, 0.4


async def recent_rate(ctx: "Context") -> HitRate | None:
    """Return the hit rate of the last 30 seconds by the gateway's published counts.

    None if they were not recorded, if they were set back, and with too few look-ups.
    """
    asked = (ctx.windows.series(name, RATE_MINUTES) for name in ("gateway.hits", "gateway.misses"))
    try:
        async with asyncio.timeout(RECENT_WAIT_SECONDS):
            hits, misses = (dict(window.samples) for window in await asyncio.gather(*asked))
    except TimeoutError:
        return None
    times = sorted(hits.keys() & misses.keys())
    if len(times) < 2 or ctx.clock.wall() - times[-1] > FRESH_SECONDS:
        return None
    samples = [(at, int(hits[at]), int(misses[at])) for at in times]
    rate = counted_between(samples, f"gateway, last {times[-1] - times[0]:.0f} s")
    if rate is not None and (rate.samples or 0) >= RECENT_LOOKUPS:
        return rate
    return None


async def present_rate(ctx: "Context", counters: Counters, *, live: bool) -> HitRate | None:
    """Return the present hit rate from the most reliable source that has one, else None."""
    kept = await recent_rate(ctx)
    if kept is not None:
        return kept
    hits, misses = await asyncio.gather(counters.increase(HITS), counters.increase(MISSES))
    return from_counters(hits, misses) or (await _look(ctx) if live else None)


async def counted_rate(counters: Counters) -> float | None:
    """Return hits by look-ups since the gateway's start; None without counters, or with too few look-ups."""
    state = (await counters.first_look()).value
    totals = {HITS: 0.0, MISSES: 0.0}
    for name, value in (state.values if state is not None else {}).items():
        metric, _ = split_series(name)
        if metric in totals:
            totals[metric] += value
    lookups = sum(totals.values())
    if lookups >= MIN_LOOKUPS:
        return totals[HITS] / lookups
    return None


def from_counters(hits: Increase, misses: Increase) -> HitRate | None:
    """Return the rate behind the growth of both counters; None with fewer look-ups than are judged."""
    lookups = hits.total + misses.total
    if min(hits.covered_minutes, misses.covered_minutes) <= 0 or hits.source != misses.source or lookups < MIN_LOOKUPS:
        return None
    seconds = hits.covered_minutes * 60
    if seconds >= 60:
        span = f"{hits.covered_minutes:.0f} min"
    else:
        span = f"{seconds:.1f} s"
    return HitRate(hits.total / lookups, f"the gateway's counters over {span}", None, round(lookups), seconds)


def counted_between(samples: list[tuple[float, int, int]], source: str) -> HitRate | None:
    """Return the rate between the first and the last of (seconds, hits, misses); None across several processes."""
    if len(samples) < 2:
        return None
    found = {
        "lookups_total|result=hit": [(at, float(hits)) for at, hits, _ in samples],
        "lookups_total|result=miss": [(at, float(misses)) for at, _, misses in samples],
    }
    looks = [ProcessReading(at) for at, _, _ in samples]
    growth = grow(looks, found, samples[0][0], most=math.inf, restarts_allowed=0, jump=JUMP)
    lookups = sum(one.increase for one in growth.series)
    if growth.several or lookups < MIN_LOOKUPS:
        return None
    hits = sum(one.increase for one in growth.series if one.labels["result"] == "hit")
    return HitRate(hits / lookups, source, None, round(lookups), samples[-1][0] - samples[0][0])


async def _look(ctx: "Context") -> HitRate | None:
    """Several samples of the counts beside the gateway's rate; one where it publishes none."""
    from optimus_tui.probes.http.services import read_cache_metrics

    samples: list[tuple[float, int, int]] = []
    while len(samples) < LOOKS:
        began = ctx.clock.mono()
        cache = await read_cache_metrics(ctx.fresh_http, ctx.settings)
        if cache is None or cache.hits is None or cache.misses is None:
            break
        samples.append((began, cache.hits, cache.misses))
        if len(samples) < LOOKS:
            await asyncio.sleep(max(0.0, APART_SECONDS - (ctx.clock.mono() - began)))
    if samples:
        return counted_between(samples, f"gateway, last {samples[-1][0] - samples[0][0]:.1f} s")
    return None
