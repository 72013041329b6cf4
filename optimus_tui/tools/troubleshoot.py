"""troubleshoot_production_issue: gathers what a playbook needs, all at once, and hands on what it concludes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.cache import CacheReport
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.limits import LimitRow, LimitsReport
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.contract.tools.health import LimitSection
from optimus_tui.contract.tools.troubleshoot import TroubleshootQuery, TroubleshootReport
from optimus_tui.index.limits import LimitIndex
from optimus_tui.tools.evidence import Evidence
from optimus_tui.tools.survey import read_known, survey
from optimus_tui.tools.words import diagnostics, limit_section, operation_name
from optimus_tui.verdicts import limits as limit_verdicts
from optimus_tui.verdicts.playbooks import (
    cache_miss,
    circuit_breaker,
    high_latency,
    memory_leak,
    proxy_timeout,
    rate_limiting,
)
from optimus_tui.verdicts.playbooks.inquiry import Conclusion
from optimus_tui.verdicts.rules import merge_rules
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

QUERY, REPORT = TroubleshootQuery, TroubleshootReport
MAX_COUNTERS = 2_000
MAX_SHOWN = 500
COUNT_SECONDS = 1.5
SLOPE_SECONDS = 1.0
NAMESPACES = ("cache.keys", "cache.no_ttl", "coherence.keys", "limits.counters")

Answer = tuple[Conclusion, dict[str, Any]]


def found(report: TroubleshootReport) -> bool:
    """A diagnostic of medium or worse."""
    return report.severity_assessment in SEVERITIES[1:]


async def run(ctx: "Context", query: TroubleshootQuery) -> TroubleshootReport:
    """Look into one symptom."""
    from optimus_tui.tools.answer import timestamp

    told, sections = await _PLAYBOOKS[query.issue_type](ctx, query, Evidence(ctx, query.time_window_minutes))
    worst = max((SEVERITIES.index(one.severity) for one in told.findings), default=-1)
    return TroubleshootReport(
        tool="troubleshoot_production_issue",
        timestamp=timestamp(ctx.clock.wall()),
        issue_type=query.issue_type,
        tenant_id=safe_text(query.tenant_id, 200),
        window_requested_minutes=query.time_window_minutes,
        window_covered_minutes=round(told.covered_minutes, 1),
        source=told.source,
        diagnostics=diagnostics(one if one.samples is not None else replace(one, samples=1) for one in told.findings),
        recommendations=told.recommendations,
        severity_assessment=SEVERITIES[worst] if worst >= 0 else "none",
        immediate_action_required=worst >= SEVERITIES.index("high"),
        examined=told.examined,
        unknown=told.unknown,
        **sections,
    )


class _Counted(Struct, frozen=True, kw_only=True):
    """The tenant's counters as read, and the picture they stand in."""

    index: LimitIndex
    coverage: Coverage
    found: int
    total: int
    unparsed: int
    slope_seconds: float | None
    fault: Fault | None
    layout: tuple[Finding, ...] = ()


async def _rate_limiting(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> Answer:
    tenant = query.tenant_id.encode()
    gateway, server, refused, counted = await asyncio.gather(
        part.gateway(with_rules=True),
        part.server(),
        part.increase("rate_limit_refused_total", {"tenant": query.tenant_id}),
        _count(ctx, part, tenant),
    )
    rules = merge_rules(gateway.value.rules if gateway.value else None, ctx.settings.limits)
    report = limit_verdicts.judge(
        counted.index.counters(ctx.clock.mono()),
        tracks=counted.index.tracks(),
        rules=rules,
        thresholds=ctx.settings.thresholds,
        coverage=counted.coverage,
        unparsed=counted.unparsed,
        total=counted.total,
    )
    evidence = rate_limiting.LimitEvidence(
        tenant=tenant,
        gateway=gateway,
        server=server,
        report=report,
        found=counted.found,
        fault=counted.fault,
        slope_seconds=counted.slope_seconds,
        refused=refused,
        target=ctx.settings.operator_redis or ctx.settings.redis,
        layout=counted.layout,
    )
    told = rate_limiting.conclude(evidence, ctx.settings.thresholds)
    return told, {"rate_limiting_analysis": _sections(report), "rate_limiting_details": told.analysis}


async def _count(ctx: "Context", part: Evidence, tenant: bytes) -> _Counted:
    """All names, then this tenant's counters twice, so that they have slopes. An index of their own has room."""
    began = ctx.clock.mono()
    seen = await survey(ctx, tenant=tenant)
    names, index = sorted(seen.of_tenant)[:MAX_COUNTERS], LimitIndex()
    fault, slope_seconds = seen.fault, None
    first, incomplete = await read_known(ctx, seen, names)
    fault = fault or incomplete
    index.put(first)
    if first and incomplete is None:
        first_read = ctx.clock.mono()
        if first_read - began < 4:
            await asyncio.sleep(SLOPE_SECONDS)
            again, incomplete = await read_known(ctx, seen, names, COUNT_SECONDS)
            if incomplete is None:
                gone = set(names) - {counter.key for counter in again}
                index.put(again)
                index.gone(gone, ctx.clock.mono())
                slope_seconds = ctx.clock.mono() - first_read
    return _Counted(
        index=index,
        coverage=seen.coverage,
        found=len(seen.of_tenant),
        total=seen.limits.total,
        unparsed=seen.limits.unparsed,
        slope_seconds=slope_seconds,
        fault=fault,
        layout=tuple(seen.find_unknown_layout()),
    )


def _sections(report: LimitsReport) -> dict[str, LimitSection]:
    """Operation to counter, the most urgent first. Two names that look alike stay two."""
    sections: dict[str, LimitSection] = {}
    rows: Iterable[LimitRow] = report.rows[:MAX_SHOWN]
    for row in rows:
        name, number = operation_name(row.counter), 1
        while name in sections:
            number += 1
            name = f"{operation_name(row.counter)} ({number})"
        sections[name] = limit_section(row.counter, row)
    return sections


async def _cache(ctx: "Context", tenant: bytes) -> CacheReport | Fault:
    """All names with their TTLs; a Fault where nothing at all was seen."""
    seen = await survey(ctx, tenant=tenant, ttls=True)
    if seen.fault is not None and not seen.coverage.scanned:
        return seen.fault
    return seen.cache.report(ctx.clock.mono())


async def _cache_miss(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> Answer:
    tenant = query.tenant_id.encode()
    (gateway, server), (history, evicted), (hits, misses), cache, events, recent = await asyncio.gather(
        asyncio.gather(part.gateway(), part.server()),
        asyncio.gather(part.series("hit_rate.gateway"), part.series("redis.evicted")),
        asyncio.gather(part.increase("cache_hits_total"), part.increase("cache_misses_total")),
        _cache(ctx, tenant),
        part.events(),
        part.present_rate(),
    )
    evidence = cache_miss.CacheEvidence(
        tenant=tenant,
        gateway=gateway,
        server=server,
        rate=part.rate(gateway, server),
        recent=recent,
        history=history,
        hits=hits,
        misses=misses,
        evicted=evicted,
        cache=cache,
        events=events,
    )
    told = cache_miss.conclude(evidence, ctx.settings.thresholds)
    return told, {"cache_miss_analysis": told.analysis}


async def _circuit_breaker(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> Answer:
    async def history() -> tuple[Any, ...]:
        names = await part.names(circuit_breaker.METRIC)
        windows = await asyncio.gather(*(part.series(name) for name in names))
        return tuple(one for one in windows if not isinstance(one, Fault))

    (gateway, engine), metrics, kept, requests, recent = await asyncio.gather(
        asyncio.gather(part.gateway(), part.engine()),
        part.metrics(),
        history(),
        part.increase("http_requests_total"),
        part.recent_increase("http_requests_total"),
    )
    evidence = circuit_breaker.BreakerEvidence(
        gateway=gateway, engine=engine, metrics=metrics, history=kept, requests=requests, recent=recent
    )
    told = circuit_breaker.conclude(evidence, ctx.settings.thresholds)
    return told, {"circuit_breaker_analysis": told.analysis}


async def _proxy_timeout(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> Answer:
    (gateway, engine), direct, upstream, served, requests, recent = await asyncio.gather(
        asyncio.gather(part.gateway(), part.engine()),
        part.timed("gateway", "engine"),
        part.quantiles("upstream_request_duration_seconds", "service"),
        part.quantiles("http_request_duration_seconds"),
        part.increase("http_requests_total"),
        part.recent_increase("http_requests_total"),
    )
    evidence = proxy_timeout.ProxyEvidence(
        gateway=gateway,
        engine=engine,
        direct=direct,
        upstream=upstream,
        served=served,
        requests=requests,
        recent=recent,
    )
    told = proxy_timeout.conclude(evidence, ctx.settings.thresholds)
    return told, {"proxy_timeout_analysis": told.analysis}


async def _memory_leak(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> Answer:
    async def windows() -> dict[str, Any]:
        names = ["redis.memory", "gateway.rss", *NAMESPACES, *await part.names("cache.kind.")]
        return dict(zip(names, await asyncio.gather(*(part.series(name) for name in names)), strict=True))

    gateway, server, memory, kept, cache = await asyncio.gather(
        part.gateway(), part.server(), part.memory(), windows(), _cache(ctx, query.tenant_id.encode())
    )
    evidence = memory_leak.MemoryEvidence(gateway=gateway, server=server, memory=memory, windows=kept, cache=cache)
    told = await asyncio.to_thread(memory_leak.conclude, evidence, ctx.settings.thresholds)
    return told, {"memory_leak_analysis": told.analysis}


async def _high_latency(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> Answer:
    (gateway, engine, server), direct, (served, served_now), upstream, slow = await asyncio.gather(
        asyncio.gather(part.gateway(), part.engine(), part.server()),
        part.timed("gateway", "engine", "redis"),
        asyncio.gather(
            part.quantiles("http_request_duration_seconds", "route"),
            part.recent_quantiles("http_request_duration_seconds", "route"),
        ),
        part.quantiles("upstream_request_duration_seconds", "service"),
        part.slow(),
    )
    evidence = high_latency.LatencyEvidence(
        minutes=query.time_window_minutes,
        gateway=gateway,
        engine=engine,
        server=server,
        direct=direct,
        served=served,
        served_now=served_now,
        upstream=upstream,
        slow=slow,
        rate=part.rate(gateway, server),
    )
    told = high_latency.conclude(evidence, ctx.settings.thresholds)
    return told, {"high_latency_analysis": told.analysis}


_PLAYBOOKS: dict[str, Callable[["Context", TroubleshootQuery, Evidence], Awaitable[Answer]]] = {
    "rate_limiting": _rate_limiting,
    "cache_miss": _cache_miss,
    "circuit_breaker": _circuit_breaker,
    "proxy_timeout": _proxy_timeout,
    "memory_leak": _memory_leak,
    "high_latency": _high_latency,
}
