"""diagnose_gateway_health: every dependency at once, under one deadline, and never better than the worst of them."""

import asyncio
from typing import TYPE_CHECKING

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.health import Series
from optimus_tui.contract.limits import LimitsReport
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, HitRate, ServerState
from optimus_tui.contract.tools.health import (
    CacheMetricsSection,
    DiagnoseQuery,
    DiagnoseReport,
    RateLimitingSection,
    RedisSection,
)
from optimus_tui.tools.evidence import recent_rate
from optimus_tui.tools.survey import Survey, judge_limits, read_known, survey
from optimus_tui.tools.words import (
    HEALTH_SEVERITY,
    dependency,
    diagnostics,
    limit_section,
    operation_name,
    rounded,
    sentence,
    service,
)
from optimus_tui.verdicts import health as verdicts
from optimus_tui.verdicts.coherence_events import events_per_second, pick_window
from optimus_tui.verdicts.feed import find_flood
from optimus_tui.verdicts.hit_rate import LookupTrack, hit_rate, track_lookups
from optimus_tui.verdicts.playbooks.churn import newest_end
from optimus_tui.verdicts.rules import merge_rules
from optimus_tui.verdicts.unmeasured import find_unmeasured
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

QUERY, REPORT = DiagnoseQuery, DiagnoseReport
NEWEST_EVENTS, EVENTS_SECONDS = 200, 0.9


def found(report: DiagnoseReport) -> bool:
    """Anything that needs attention."""
    return report.overall_status != "healthy"


async def run(ctx: "Context", query: DiagnoseQuery) -> DiagnoseReport:
    """Probe all dependencies together and judge what they said."""
    from optimus_tui.probes.postgres import read_postgres
    from optimus_tui.probes.server import read_server
    from optimus_tui.probes.services import read_engine, read_gateway
    from optimus_tui.tools.answer import timestamp

    tenant = query.tenant_id.encode()
    gateway, engine, postgres, server, seen, (recent, flood) = await asyncio.gather(
        read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=query.include_rate_limiting),
        read_engine(ctx.http, ctx.settings, ctx.clock),
        read_postgres(ctx.settings.postgres_dsn, ctx.clock, ctx.settings.postgres_problem),
        read_server(ctx.redis, ctx.settings.redis, ctx.own, ctx.clock),
        _counters(ctx, tenant) if query.include_rate_limiting else _nothing(),
        _now(ctx) if query.include_cache_metrics else _unasked(),
    )
    state = gateway.value
    rules = merge_rules(state.rules if state else None, ctx.settings.limits)
    limits = judge_limits(ctx, seen, rules) if seen else None
    rate = _rate(state, server, ctx.clock.mono()) if query.include_cache_metrics else None
    report = verdicts.judge(
        verdicts.Looks(gateway=gateway, engine=engine, server=server, postgres=postgres),
        history={},
        rate=rate,
        recent=recent,
        rate_history=Series(),
        thresholds=ctx.settings.thresholds,
        others=(*_others(query, state, rate, limits, seen), *find_flood(flood, ctx.settings.thresholds)),
        limits_seen=True,
    )
    return DiagnoseReport(
        tool="diagnose_gateway_health",
        timestamp=timestamp(ctx.clock.wall()),
        backend_orchestrator_health=service(state.service, gateway.fault) if state else dependency(None),
        ai_engine_connectivity=dependency(engine),
        redis=_redis(server),
        postgres=dependency(postgres),
        cache_metrics=_cache(query, state, rate),
        rate_limiting=_limiting(query, tenant, seen, limits),
        overall_status=report.overall,
        diagnostics=diagnostics(report.findings, HEALTH_SEVERITY),
    )


async def _nothing() -> None:
    return None


async def _unasked() -> tuple[None, None]:
    return None, None


async def _now(ctx: "Context") -> tuple[HitRate | None, float | None]:
    """What one look cannot see: the hit rate of the last half minute, coherence events a second; None where unknown."""
    return await asyncio.gather(recent_rate(ctx), _events_per_second(ctx))


async def _events_per_second(ctx: "Context") -> float | None:
    """From the event log's newest entries. Who may not read it learns so from the coherence analysis, not here."""
    from optimus_tui.probes.coherence import read_event_ends
    from optimus_tui.probes.faults import OUTAGES

    try:
        async with asyncio.timeout(EVENTS_SECONDS):
            log = await read_event_ends(ctx.redis, NEWEST_EVENTS)
    except OUTAGES:
        return None
    now, newest = ctx.clock.wall(), log.payloads if log.whole else newest_end(log.payloads)
    return events_per_second(pick_window(newest, now, 1.0), now)


async def _counters(ctx: "Context", tenant: bytes) -> Survey:
    """All names, then the values: the tenant's own first, whatever the number of the others."""
    from optimus_tui.probes.faults import OUTAGES, fault_of

    seen = await survey(ctx, tenant=tenant)
    try:
        await read_known(ctx, seen, seen.of_tenant | set(seen.limits.names_to_read()))
    except OUTAGES as error:
        seen.fault = fault_of(error, ctx.settings.redis)
    return seen


def _rate(state: GatewayState | None, server: Reading[ServerState], mono: float) -> HitRate | None:
    track = LookupTrack()
    if server.value is not None:
        track = track_lookups(track, server.value, mono)
    return hit_rate(state, track)


def _others(
    query: DiagnoseQuery,
    state: GatewayState | None,
    rate: HitRate | None,
    limits: LimitsReport | None,
    seen: Survey | None,
) -> list[Finding]:
    """Findings about what was asked for beyond the dependencies themselves."""
    found: list[Finding] = list(limits.findings) if limits else []
    if seen is not None and seen.fault is not None:
        found += find_unmeasured("rate limits", seen.fault, rule="limits.unmeasured")
    answered = state is not None and state.service.status == "healthy"
    if query.include_cache_metrics and rate is None and answered and state is not None and state.cache_fault:
        found += find_unmeasured("hit rate", state.cache_fault, rule="cache.unmeasured")
    return found


def _redis(server: Reading[ServerState]) -> RedisSection:
    value, fault = server.value, server.fault
    if value is None or fault is not None:
        away: Fault | None = fault
        wrong = away is not None and away.kind not in ("refused", "timeout", "tls")
        return RedisSection(status="error" if wrong else "disconnected", error=sentence(away))
    return RedisSection(
        status="connected",
        latency_ms=rounded(value.latency_ms, 2),
        version=value.version,
        mode=value.mode,
        role=value.role,
        error=sentence(value.info_fault),
    )


def _cache(query: DiagnoseQuery, state: GatewayState | None, rate: HitRate | None) -> CacheMetricsSection:
    if not query.include_cache_metrics:
        return CacheMetricsSection(status="not checked")
    metrics = state.cache if state else None
    total = metrics.total_keys if metrics else None
    if rate is None:
        fault = state.cache_fault if state else None
        why = sentence(fault) or "nobody has looked anything up yet" if state and state.cache else sentence(fault)
        return CacheMetricsSection(status="unknown", total_keys=total, error=why or "the gateway did not answer")
    return CacheMetricsSection(status="ok", hit_rate=round(rate.value, 4), total_keys=total, source=rate.source)


def _limiting(
    query: DiagnoseQuery, tenant: bytes, seen: Survey | None, limits: LimitsReport | None
) -> RateLimitingSection:
    if seen is None or limits is None:
        return RateLimitingSection(status="not checked", tenant_id=safe_text(query.tenant_id, 200))
    name = safe_text(query.tenant_id, 200)
    if seen.fault is not None and not limits.rows:
        return RateLimitingSection(status="unknown", tenant_id=name, error=sentence(seen.fault))
    rows = [row for row in limits.rows if row.counter.tenant == tenant]
    return RateLimitingSection(
        status="ok" if seen.fault is None else "partial",
        tenant_id=name,
        total_active_limits=len(rows),
        total_limit_keys=limits.total,
        rate_limits={operation_name(row.counter): limit_section(row.counter, row) for row in rows},
        window_seconds=limits.rules.window_seconds if limits.rules else None,
        coverage=seen.section,
        error=sentence(seen.fault),
    )
