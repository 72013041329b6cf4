"""Read the parts that a playbook asks for, each with its own time limit: one that hangs or fails is a Fault."""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import counted_from, counted_minutes
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import Counter, LimitRules
from optimus_tui.contract.percentiles import few_of, percentile
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import (
    REFUSED,
    REQUESTS,
    Counted,
    GatewayState,
    HitRate,
    Increase,
    MemoryState,
    MetricsState,
    Quantiles,
    Series,
    ServerState,
    ServiceState,
    SlowState,
    Window,
)
from optimus_tui.grammar.info import split_series
from optimus_tui.index.limits import LimitIndex
from optimus_tui.probes.load_meter import starved_words
from optimus_tui.tools import parts
from optimus_tui.tools.coherence_events import NO_LIST, late_claims
from optimus_tui.tools.figures.gateway_figures import FRESH_SECONDS, present_rate, rate_since_start
from optimus_tui.tools.figures.metric_windows import Counters, latest_pages, live_increase
from optimus_tui.tools.keyspace_scan import Survey, counter_names, read_known
from optimus_tui.tools.parts import part
from optimus_tui.verdicts.gateway.latency import GOOD_AGAIN_CHECKS, MIN_SAMPLES
from optimus_tui.verdicts.gateway.performance import WindowRefusals, refusals
from optimus_tui.verdicts.limits.refusals import find_refusals, find_refused_below
from optimus_tui.verdicts.playbooks.cache_miss import Invalidations, count, newest_end
from optimus_tui.verdicts.playbooks.proxy_timeout import DependencyLatencies
from optimus_tui.wording.numbers import age

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.probes.http.integration import Timed as Look


T = TypeVar("T")
READ_SECONDS = 2.6
"""For one part; a tool has eight for all of them, and they run at once."""
WINDOW_SECONDS = 2.0
COUNTED_SECONDS = 6.5
"""For what was kept and, without it, several samples of /metrics."""
BURST, BURST_SECONDS = 5, 5.2
MAX_EVENTS = 1000


class EvidenceReader:
    """Reads the parts that one playbook asks for.

    ``minutes`` is the requested window, or the part of it that counts (``clock.counting_from``).
    """

    def __init__(self, ctx: "Context", minutes: int) -> None:
        self.ctx, self.minutes = ctx, counted_minutes(minutes, ctx.clock.wall())
        self.counters = Counters(ctx, self.minutes)

    async def bounded(self, part: Awaitable[T], what: str, seconds: float = READ_SECONDS) -> T | Fault:
        """Return the part, or a fault if it failed or took too long."""
        return await parts.part(self.ctx, part, what, seconds)

    async def _reading(self, part: Awaitable[Reading[T]], what: str) -> Reading[T]:
        return await parts.reading(self.ctx, part, what, READ_SECONDS)

    # -- now

    async def gateway(self, *, with_rules: bool = False) -> Reading[GatewayState]:
        """Read the gateway's health and what it publishes."""
        from optimus_tui.probes.http.services import read_gateway

        ctx = self.ctx
        return await self._reading(read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=with_rules), "gateway")

    async def engine(self) -> Reading[ServiceState]:
        """Read the engine's health check."""
        from optimus_tui.probes.http.services import read_engine

        return await self._reading(read_engine(self.ctx.http, self.ctx.settings, self.ctx.clock), "AI engine")

    async def server(self) -> Reading[ServerState]:
        """Read Redis with its INFO."""
        from optimus_tui.probes.server import read_server_twice

        ctx = self.ctx
        asked = read_server_twice(ctx.redis, ctx.settings.redis, ctx.own, ctx.clock)
        return await parts.reading(ctx, asked, "redis", parts.SERVER_SECONDS)

    async def slow(self) -> SlowState | Fault:
        """Read the slow log and latency events."""
        from optimus_tui.probes.server import read_slowlog

        return await self.bounded(read_slowlog(self.ctx.redis, self.ctx.settings.redis), "SLOWLOG")

    async def memory(self) -> MemoryState | Fault:
        """Read Redis' memory and its clients' buffers."""
        from optimus_tui.probes.server import read_memory

        return await self.bounded(read_memory(self.ctx.redis, self.ctx.settings.redis), "INFO memory")

    async def events(self) -> Invalidations | Fault:
        """Read the invalidations in the window from the event log."""
        from optimus_tui.probes.cache_keys import read_event_ends

        if not self.ctx.layout.dialect.event_list:
            return Fault("invalid", NO_LIST)
        log = await self.bounded(read_event_ends(self.ctx.redis, MAX_EVENTS), "event log")
        if isinstance(log, Fault):
            return log
        if log.length and not log.payloads:
            return Fault("invalid", f"the event log's {log.length:,} entries are too large to read")
        payloads: Sequence[bytes] = log.payloads
        if not log.whole:
            payloads = newest_end(log.payloads)
        found = await asyncio.to_thread(count, payloads, self.ctx.clock.wall(), self.minutes)
        if found.clock is not None:
            return found
        return replace(found, clock=await late_claims(self.ctx, log.payloads))

    def rate(self, gateway: Reading[GatewayState], server: Reading[ServerState]) -> HitRate | None:
        """Return the hit rate since the start; None while windows are cut at a moment (``clock.counting_from``)."""
        return rate_since_start(gateway.value, server, self.ctx.clock.mono())

    # -- over the window

    async def series(self, name: str) -> Window | Fault:
        """Read a recorded series."""
        return await self.bounded(self.ctx.windows.series(name, self.minutes), f"history of {name}")

    async def names(self, prefix: str) -> list[str]:
        """Return the recorded series whose names begin with ``prefix``; [] without a history."""
        found = await self.bounded(self.ctx.store.names(prefix), "history")
        if isinstance(found, Fault):
            return []
        return found[:50]

    async def increase(self, metric: str, labels: Mapping[str, str] | None = None) -> Increase | Fault:
        """Return the growth over the window, else over several samples now."""
        return await self.bounded(self.counters.increase(metric, labels), f"growth of {metric}", COUNTED_SECONDS)

    async def present_rate(self) -> HitRate | None:
        """Return the present hit rate by the gateway's counts, read now if they were not recorded."""
        found = await self.bounded(present_rate(self.ctx, self.counters, live=True), "hit rate", COUNTED_SECONDS)
        if isinstance(found, Fault):
            return None
        return found

    async def counted_rate(self) -> HitRate | None:
        """Return the hit rate since the moment at which windows are cut (``clock.counting_from``); None without one."""
        if counted_from() is None:
            return None
        return await self.present_rate()

    async def kept_increase(self, metric: str) -> Increase | Fault:
        """Return the recorded growth over the window; it covers nothing if none was recorded."""
        return await self.bounded(
            self.ctx.windows.increase(metric, self.minutes), f"history of {metric}", WINDOW_SECONDS
        )

    async def recent_increase(self, metric: str) -> Increase | Fault:
        """Return the recorded growth over the last 90 seconds; it covers nothing if none was recorded."""
        asked = self.ctx.windows.increase(metric, self.ctx.tuning.counted_minutes)
        return await self.bounded(asked, f"history of {metric}", WINDOW_SECONDS)

    async def recent_quantiles(self, histogram: str, by: str) -> Quantiles | Fault:
        """Return a histogram over the last 90 seconds; empty if none was recorded."""
        asked = self.ctx.windows.quantiles(histogram, self.ctx.tuning.counted_minutes, by=by)
        return await self.bounded(asked, f"history of {histogram}", WINDOW_SECONDS)

    async def quantiles(self, histogram: str, by: str | None = None) -> Quantiles | Fault:
        """Return a histogram over the window, else over several samples now."""
        return await self.bounded(self.counters.quantiles(histogram, by), f"growth of {histogram}", COUNTED_SECONDS)

    async def metrics(self) -> list[MetricsState] | Fault:
        """Read what each process of the gateway publishes now."""
        return await self.bounded(self.counters.states(), "/metrics", COUNTED_SECONDS)

    # -- latencies

    async def timed(self, *names: str) -> dict[str, DependencyLatencies]:
        """Return latencies of gateway, engine and redis: recorded ones if there are enough, else a few requests now."""
        return dict(zip(names, await asyncio.gather(*(self._timed(name) for name in names)), strict=True))

    async def _timed(self, name: str) -> DependencyLatencies:
        window = await self.series(f"latency.{name}")
        if isinstance(window, Window) and len(window.samples) >= MIN_SAMPLES:
            series = kept_series(window, self.ctx.clock.wall())
            return DependencyLatencies(series=series, source=window.source, covered_minutes=window.covered_minutes)
        values, lacking = await self._burst(name)
        return DependencyLatencies(series=live_series(values), source="live", lacking=lacking)

    async def _burst(self, name: str) -> tuple[list[float], str]:
        """Time a few requests one after the other. Failed ones have no time; if none has one, say why."""
        from optimus_tui.probes.http.integration import time_pings, time_service
        from optimus_tui.probes.http.services import health_url

        ctx, settings = self.ctx, self.ctx.settings
        if name == "redis":
            looks = time_pings(ctx.redis, ctx.clock, BURST)
        else:
            if name == "gateway":
                base, profile = settings.gateway_url, settings.profile.gateway
            else:
                base, profile = settings.engine_url, settings.profile.engine
            looks = time_service(ctx.http, ctx.clock, health_url(base, profile), BURST, profile)
        found = await self.bounded(looks, name, BURST_SECONDS)
        if isinstance(found, Fault):
            return [], found.message
        return [one.ms for one in found if one.counts and one.ms is not None], why_untimed(found)


def why_untimed(looks: "Sequence[Look]") -> str:
    """Return why none of these samples has a usable time; "" if one has."""
    if any(one.counts for one in looks):
        return ""
    failed = next((one.fault.message for one in looks if one.fault), "")
    still = sum(one.own_ms for one in looks) / 1000
    return failed or (starved_words(still) if looks and still else "")


def live_series(values: list[float]) -> Series:
    """Return a few samples taken just now as a series."""
    return replace(_summed(values), latest=tuple(values[-GOOD_AGAIN_CHECKS:]))


def kept_series(window: Window, wall: float) -> Series:
    """Return a recorded window as a series, with its newest samples separately if they are recent."""
    values = [value for _, value in window.samples]
    fresh = bool(window.samples) and wall - window.samples[-1][0] <= FRESH_SECONDS
    return replace(_summed(values), latest=tuple(values[-GOOD_AGAIN_CHECKS:]) if fresh else ())


def _summed(values: list[float]) -> Series:
    ordered = sorted(values)
    return Series(
        p50=percentile(ordered, 0.5),
        p95=percentile(ordered, 0.95),
        samples=len(ordered),
        few=few_of(ordered),
    )


LOOK_SECONDS, COUNT_SECONDS = 4.5, 1.5
FEW_NAMES = 500
MAX_NEIGHBOURS = 300
AGELESS_MINUTES = 1.0
"""Stands for a time that nobody knows; never shown."""
LATEST_SAMPLE = 4.0
"""Seconds after the tool's begin; later, there is no time for a second read."""


class ReadTwice(Struct, frozen=True, kw_only=True):
    """Counters read twice, with the gateway's page sampled in between.

    ``index`` holds both reads. If there was only one, ``second`` is empty and ``slope_seconds`` None.
    """

    index: LimitIndex
    first: dict[bytes, Counter]
    second: dict[bytes, Counter]
    slope_seconds: float | None
    fault: Fault | None


async def read_twice(
    ctx: "Context", counters: Counters, seen: Survey, names: Iterable[bytes], others: Iterable[bytes], began: float
) -> ReadTwice:
    """Read ``names`` before, between and after the samples of the gateway's page; ``others`` once, before."""
    names, index = list(names), LimitIndex(ctx.layout)
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
    return ReadTwice(
        index=index,
        first={one.key: one for one in first if one.key in asked},
        second={one.key: one for one in again} if slope_seconds is not None else {},
        slope_seconds=slope_seconds,
        fault=fault,
    )


async def _between(ctx: "Context", seen: Survey, names: Sequence[bytes], index: LimitIndex, read_at: float) -> None:
    """Read once more half-way, where that is cheap: this tells one burst from a lasting pace."""
    await asyncio.sleep(ctx.tuning.slope_seconds / 2)
    if len(names) <= FEW_NAMES:
        between, _ = await read_known(ctx, seen, names, COUNT_SECONDS)
        index.put(between)
    await asyncio.sleep(max(0.0, ctx.tuning.slope_seconds - (ctx.clock.mono() - read_at)))


async def neighbours(seen: Survey, names: Collection[bytes]) -> list[bytes]:
    """Return other tenants' counters of the same operations, which distinguish a low limit from a busy client."""
    own = {*seen.of_tenant, *names}
    layout = seen.limits.layout
    others: dict[bytes, list[bytes]] = {layout.parse(name).operation: [] for name in names}
    if not others:
        return []
    async for one, parsed in counter_names(seen):
        if parsed.operation in others and one not in own:
            others[parsed.operation].append(one)
    each = max(1, MAX_NEIGHBOURS // max(1, len(others)))
    return [one for names in others.values() for one in names[:each]][:MAX_NEIGHBOURS]


class RefusalEvidence(Struct, frozen=True, kw_only=True):
    """Requests and refusals of all tenants, over the longest known time within the window.

    ``ageless`` are those since the gateway's start if the time of that is unknown, else None. ``older`` is a sentence
    about refusals that may be older than the window. ``growth`` is the growth between the samples.
    """

    requests: Increase
    refused: WindowRefusals
    growth: Increase
    ageless: tuple[Increase, WindowRefusals] | None = None
    older: str = ""

    def findings(self, watched: ReadTwice, rules: LimitRules | None, tenant: str | None) -> list[Finding]:
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
    if requests.several or refused.several or counted_from() is not None:
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
    """Return the evidence over the whole life of the gateway's processes, where that lies within the window."""
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
        since = f"{total:,.0f} since the gateway's start {age(covered * 60)} ago"
        return replace(kept, older=f"{since}; how many of them in the window is unknown")
    since = f"{total:,.0f} since the gateway started, at an unknown time"
    return replace(kept, ageless=(requests, refused), older=since)


def _life(metric: str, states: Iterable[MetricsState], minutes: float) -> Increase:
    """Return everything that the processes have counted, as if it had grown from zero within ``minutes``."""
    series, published = [], False
    for state in states:
        published = published or metric in state.metrics
        for name, value in state.values.items():
            own, labels = split_series(name)
            if own == metric:
                series.append(Counted(labels=labels, increase=value))
    return Increase(name=metric, series=tuple(series), covered_minutes=minutes if published or series else 0.0)
