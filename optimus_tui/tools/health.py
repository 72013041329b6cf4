"""diagnose_gateway_health: every dependency at once, under one deadline, and never better than the worst of them."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import counted_from, counted_minutes
from optimus_tui.contract.finding_rules import CACHE_UNMEASURED, LIMITS_UNMEASURED
from optimus_tui.contract.findings import Finding, overall_of
from optimus_tui.contract.keyspace import LimitRow, LimitsReport, UnparsedNames
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, HitRate, Series, ServerState, ServiceState
from optimus_tui.contract.tools.common import NamesSection, ShapeSection, if_known, rounded
from optimus_tui.contract.tools.state import (
    CacheMetricsSection,
    DependencySection,
    DiagnoseQuery,
    DiagnoseReport,
    GatewayMetricsSection,
    LimitSection,
    ProcessesSection,
    RateLimitingSection,
    RedisSection,
)
from optimus_tui.tools.answer import ROWS
from optimus_tui.tools.figures.gateway_figures import (
    GatewayFigures,
    counted_rate,
    present_rate,
    rate_since_start,
    summary_figures,
)
from optimus_tui.tools.figures.kept_alerts import with_notes, with_shown
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.tools.keyspace_scan import Survey, judge_limits, read_known, survey, tenant_shown
from optimus_tui.tools.pages.report_sections import (
    HEALTH_SEVERITY,
    aliases_of,
    dependency,
    diagnostics,
    limit_section,
    operation_name,
    sentence,
    service,
)
from optimus_tui.tools.parts import SERVER_SECONDS, nothing, part, reading
from optimus_tui.tools.performance.traffic import latencies
from optimus_tui.verdicts import health as verdicts
from optimus_tui.verdicts.cluster import first_away
from optimus_tui.verdicts.coherence.events import events_per_second, find_clock, find_flood, newest_source, pick_window
from optimus_tui.verdicts.health import find_partial, find_unmeasured
from optimus_tui.verdicts.limits.words import merge_rules, only_an_alias, published_rules
from optimus_tui.verdicts.playbooks.cache_miss import newest_end
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


MOST_ROWS = ROWS
"""Of a map in a document: as many as any list of it may have."""


def limit_sections(rows: Iterable[LimitRow], most: int = MOST_ROWS) -> dict[str, LimitSection]:
    """Return the first ``most`` rows (the most urgent) by operation. Two names that look alike stay two."""
    sections: dict[str, LimitSection] = {}
    for row in islice(rows, most):
        name, number = operation_name(row.counter), 1
        while name in sections:
            number += 1
            name = f"{operation_name(row.counter)} ({number})"
        sections[name] = limit_section(row.counter, row)
    return sections


def omitted(rows: Sequence[object], most: int = MOST_ROWS) -> int:
    """Return how many rows a list of at most ``most`` leaves out."""
    return max(0, len(rows) - most)


def unparsed_section(names: UnparsedNames) -> NamesSection:
    """Return the section about names under ``rate_limit`` in another layout, with their shapes."""
    return NamesSection(names.count, tuple(ShapeSection(one.shape, one.count) for one in names.shapes))


AWAY = ("refused", "timeout", "tls")
"""Faults of a server that did not answer at all; any other is a wrong answer."""


def gateway_section(reading: Reading[GatewayState]) -> DependencySection:
    """Return the section about the gateway's health."""
    state = reading.value
    if state:
        return service(state.service, reading.fault)
    return _unheard(reading.fault, "error")


def engine_section(reading: Reading[ServiceState]) -> DependencySection:
    """Return the section about the AI engine's health."""
    if reading.value:
        return dependency(reading)
    return _unheard(reading.fault, "disconnected")


def _unheard(fault: Fault | None, word: str) -> DependencySection:
    if fault is not None and fault.kind == "starved":
        word = "unknown"
    return DependencySection(status=word, error=sentence(fault))


postgres_section = dependency


def redis_section(reading: Reading[ServerState]) -> RedisSection:
    """Return the section about Redis, as it answered PING and INFO."""
    value, fault = reading.value, reading.fault
    may_serve = value is not None and value.sentinels is not None and value.sentinels.may_serve
    if value is None or fault is not None:
        if fault is not None and (fault.kind == "starved" or may_serve):
            return RedisSection(status="unknown", error=sentence(fault))
        if fault is not None and fault.kind not in AWAY:
            return RedisSection(status="error", error=sentence(fault))
        return RedisSection(status="disconnected", error=sentence(fault))
    return RedisSection(
        status="connected",
        latency_ms=rounded(value.latency_ms, 2),
        version=value.version,
        mode=value.mode,
        role=value.role,
        error=sentence(first_away(value) or value.info_fault),
    )


def cache_section(
    query: DiagnoseQuery, reading: Reading[GatewayState], rate: HitRate | None, seen: Survey | None
) -> CacheMetricsSection:
    """Return the section about the hit rate and its source. ``seen`` is the scan of the keys."""
    if not query.include_cache_metrics:
        return CacheMetricsSection(status="not checked")
    state = reading.value
    metrics = None
    if state:
        metrics = state.cache
    total = None
    if metrics:
        total = metrics.total_keys
    unknown = None
    if seen is not None and seen.names_known:
        unknown = seen.names_section
    if rate is not None:
        return CacheMetricsSection(
            status="ok",
            hit_rate=round(rate.value, 4),
            total_keys=total,
            source=rate.source,
            unknown_layout=unknown,
        )
    why = sentence(state.cache_fault if state else reading.fault)
    if not why:
        why = "the gateway did not answer"
        if metrics:
            why = "there were no look-ups yet"
        elif state is not None and state.cache_absent:
            why = "the gateway publishes no figures of its cache"
    return CacheMetricsSection(status="unknown", total_keys=total, unknown_layout=unknown, error=why)


def metrics_section(figures: GatewayFigures) -> GatewayMetricsSection:
    """Return the section about the gateway's counters and circuit breakers."""
    status = "ok"
    if figures.requests_per_second is None and not figures.breakers_known:
        status = "unknown"
    elif figures.unknown:
        status = "partial"
    processes = None
    if figures.processes is not None:
        processes = ProcessesSection(seen=figures.processes, restarts=figures.restarts or 0)
    return GatewayMetricsSection(
        status=status,
        requests_per_second=rounded(figures.requests_per_second, 3),
        failing_share=rounded(figures.failing_share, 4),
        refused_share=rounded(figures.refused_share, 4),
        worst_route=figures.worst_route,
        worst_tenant=figures.worst_tenant,
        open_circuits=figures.open_circuits,
        half_open_circuits=figures.half_open_circuits,
        processes=processes,
        lower_bound=figures.lower_bound,
        covered_minutes=round(figures.covered_minutes, 3),
        source=if_known(figures.covered_minutes > 0, figures.source),
        unknown=figures.unknown,
    )


def limiting_section(
    query: DiagnoseQuery, tenant: bytes, seen: Survey | None, limits: LimitsReport | None
) -> RateLimitingSection:
    """Return the section about the tenant's counters; "partial" if not everything was read in time."""
    name = safe_text(tenant, 200)
    if not query.include_rate_limiting:
        return RateLimitingSection(status="not checked", tenant_id=name)
    if seen is None or limits is None:
        return RateLimitingSection(status="unknown", tenant_id=name, error="Redis was not read")
    if seen.fault is not None and not limits.rows:
        return RateLimitingSection(status="unknown", tenant_id=name, coverage=seen.section, error=sentence(seen.fault))
    rows = [row for row in limits.rows if row.counter.tenant == tenant]
    fault: Fault | None = seen.fault
    strange = seen.counters_unknown
    if not rows and not strange:
        strange = only_an_alias(tenant.decode("utf-8", "surrogateescape"), limits.rules)
    status = "partial"
    if strange:
        status = "unknown"
    elif fault is None:
        status = "ok"
    return RateLimitingSection(
        status=status,
        tenant_id=name,
        total_active_limits=len(rows),
        total_limit_keys=limits.total,
        rate_limits=limit_sections(rows),
        omitted=omitted(rows),
        unparsed=unparsed_section(limits.unparsed),
        window_seconds=limits.rules.window_seconds if limits.rules else None,
        coverage=seen.section,
        error=sentence(fault) or strange or None,
    )


QUERY, REPORT = DiagnoseQuery, DiagnoseReport
NEWEST_EVENTS, EVENTS_SECONDS = 1_000, 0.9
METRICS_MINUTES, METRICS_SECONDS = 5, 5.5
"""The window of the gateway's counters that stands for "now", and the bound of reading them."""
QUIET_SECONDS = 0.25
"""For this long nothing else runs beside what is timed; a service that is slower than that is not made slow by us."""


class Looked(Struct, frozen=True, kw_only=True):
    """Everything that was read. ``seen`` is None if the keys were not asked for."""

    gateway: Reading[GatewayState]
    engine: Reading[ServiceState]
    server: Reading[ServerState]
    postgres: Reading[ServiceState]
    history: dict[str, Series]
    seen: Survey | None
    figures: GatewayFigures
    recent: HitRate | None
    events: tuple[Finding, ...]


def found(report: DiagnoseReport) -> bool:
    """Return True for any finding that needs attention."""
    return report.overall_status != "healthy"


async def run(ctx: "Context", query: DiagnoseQuery) -> DiagnoseReport:
    """Probe all dependencies together and judge what they answered."""
    looked = await look(ctx, query)
    state = looked.gateway.value
    rules = merge_rules(published_rules(state), ctx.settings.limits)
    limits = None
    if looked.seen and query.include_rate_limiting:
        limits = judge_limits(ctx, looked.seen, rules, looked.seen.limits, total=looked.seen.limits.total)
    rate = None
    if query.include_cache_metrics:
        rate = rate_since_start(state, looked.server, ctx.clock.mono()) or looked.recent
    report = verdicts.judge(
        verdicts.Looks(gateway=looked.gateway, engine=looked.engine, server=looked.server, postgres=looked.postgres),
        history=looked.history,
        rate=rate,
        recent=looked.recent,
        rate_history=Series(),
        thresholds=ctx.settings.thresholds,
        others=_others(ctx, query, looked, rate, limits),
        limits_seen=True,
    )
    findings = await with_notes(ctx, with_shown(ctx, report.findings, _not_asked(query)))
    return DiagnoseReport(
        tool="diagnose_gateway_health",
        timestamp=timestamp(ctx.clock.wall()),
        backend_orchestrator_health=gateway_section(looked.gateway),
        ai_engine_connectivity=engine_section(looked.engine),
        redis=redis_section(looked.server),
        postgres=postgres_section(looked.postgres),
        cache_metrics=cache_section(query, looked.gateway, report.hit_rate, looked.seen),
        rate_limiting=limiting_section(query, tenant_shown(ctx, query.tenant_id, limits), looked.seen, limits),
        gateway_metrics=metrics_section(looked.figures),
        overall_status=overall_of(findings, unknown=report.overall == "unknown"),
        aliases=aliases_of(limits.rows if limits else ()),
        diagnostics=diagnostics(findings, HEALTH_SEVERITY),
    )


def _not_asked(query: DiagnoseQuery) -> Iterator[str]:
    """Yield the families of findings that were not asked about."""
    if not query.include_cache_metrics:
        yield from ("cache", "coherence", "events", "feed")
    if not query.include_rate_limiting:
        yield "limits"


async def look(ctx: "Context", query: DiagnoseQuery) -> Looked:
    """Read all parts. Those that are timed start a moment before the others, so that nothing disturbs them."""
    from optimus_tui.probes.http.services import read_engine, read_gateway
    from optimus_tui.probes.server import read_server_twice

    settings, clock, counters = ctx.settings, ctx.clock, Counters(ctx, METRICS_MINUTES)
    async with asyncio.TaskGroup() as group:
        gateway = group.create_task(
            reading(ctx, read_gateway(ctx.http, settings, clock, with_rules=query.include_rate_limiting), "the gateway")
        )
        engine = group.create_task(reading(ctx, read_engine(ctx.http, settings, clock), "the AI engine"))
        server = group.create_task(
            reading(ctx, read_server_twice(ctx.redis, settings.redis, ctx.own, clock), "Redis", SERVER_SECONDS)
        )
        await asyncio.wait([gateway, engine, server], timeout=QUIET_SECONDS)
        others = group.create_task(_untimed(ctx, query))
        figures = group.create_task(_figures(ctx, counters))
        await asyncio.wait([gateway, engine, server])
        history = group.create_task(latencies(ctx, gateway.result(), engine.result(), server.result()))
        recent = group.create_task(_present(ctx, query, counters, gateway.result().value))
    postgres, seen, events = others.result()
    return Looked(
        gateway=gateway.result(),
        engine=engine.result(),
        server=server.result(),
        postgres=postgres,
        history=history.result(),
        seen=seen,
        figures=figures.result(),
        recent=recent.result(),
        events=events or (),
    )


async def _untimed(
    ctx: "Context", query: DiagnoseQuery
) -> tuple[Reading[ServiceState], Survey | None, tuple[Finding, ...] | None]:
    """Postgres, keys and the latest events: parts whose own time is not shown."""
    from optimus_tui.probes.postgres import read_postgres

    with_keys = query.include_rate_limiting or query.include_cache_metrics
    return await asyncio.gather(
        reading(ctx, read_postgres(ctx.settings.postgres_dsn, ctx.clock, ctx.settings.postgres_problem), "Postgres"),
        _counters(ctx, query) if with_keys else nothing(),
        _events_now(ctx) if query.include_cache_metrics else nothing(),
    )


async def _figures(ctx: "Context", counters: Counters) -> GatewayFigures:
    found = await part(ctx, summary_figures(ctx, counters), "the gateway's counters", METRICS_SECONDS)
    if isinstance(found, Fault):
        return GatewayFigures(unknown=(f"requests: {found.message}",))
    return found


async def _present(
    ctx: "Context", query: DiagnoseQuery, counters: Counters, state: GatewayState | None
) -> HitRate | None:
    """Return the hit rate of now as it was kept; where nobody kept it and there is reason to look, from samples.

    The reason is a low published rate, a good one that the counters of the gateway's own page contradict, counters
    beside no published rate, or that only what came since a moment counts.
    """
    if not query.include_cache_metrics:
        return None
    doubtful = counted_from() is not None or await _is_doubtful(ctx, counters, state)
    asked = counters if doubtful else Counters(ctx, counters.minutes, live=False)
    found = await part(ctx, present_rate(ctx, asked, live=doubtful), "the hit rate", METRICS_SECONDS)
    if isinstance(found, Fault):
        return None
    return found


async def _is_doubtful(ctx: "Context", counters: Counters, state: GatewayState | None) -> bool:
    """Return True if there is reason to look beyond the rate that the gateway publishes."""
    published = None
    if state is not None and state.cache is not None:
        published = state.cache.hit_rate
    warn = ctx.settings.thresholds.hit_rate_warn
    counted = await part(ctx, counted_rate(counters), "the gateway's counters", METRICS_SECONDS)
    latest = None
    if isinstance(counted, float):
        latest = counted
    if published is None:
        return latest is not None
    return published < warn or (latest is not None and latest < warn)


async def _events_now(ctx: "Context") -> tuple[Finding, ...]:
    """Return the findings about a flood, or about a publisher's clock that is off, from the event log's newest entries.

    Where the log may not be read there are none: the coherence analysis reports the missing right.
    """
    from optimus_tui.probes.cache_keys import read_event_ends

    log = await part(ctx, read_event_ends(ctx.redis, NEWEST_EVENTS), "the event log", EVENTS_SECONDS)
    if isinstance(log, Fault):
        return ()
    now, newest = ctx.clock.wall(), log.payloads if log.whole else newest_end(log.payloads)
    window = pick_window(newest, now, counted_minutes(1.0, now))
    flood = find_flood(events_per_second(window, now), ctx.settings.thresholds, newest_source(window, now))
    return (*flood, *find_clock(window.clock))


async def _counters(ctx: "Context", query: DiagnoseQuery) -> Survey:
    """Read all names, then the values: the tenant's own counters first, however many others there are."""
    seen = await survey(ctx, tenant=query.tenant_id.encode())
    if query.include_rate_limiting:
        _, fault = await read_known(ctx, seen, [*seen.of_tenant, *seen.limits.names_to_read()])
        seen.fault = seen.fault or fault
    return seen


def _others(
    ctx: "Context", query: DiagnoseQuery, looked: Looked, rate: HitRate | None, limits: LimitsReport | None
) -> list[Finding]:
    """Return the findings about what was asked for beyond the dependencies themselves."""
    state, seen = looked.gateway.value, looked.seen
    found: list[Finding] = [*looked.figures.findings]
    if limits is not None:
        found += limits.findings
    if limits is not None and seen is not None:
        found += [*seen.find_unknown_layout(), *_unread(seen.fault, limits, answers=looked.server.fault is None)]
    answered = state is not None and state.service.status == "healthy"
    unknown = query.include_cache_metrics and rate is None
    if unknown and answered and state is not None and state.cache_fault:
        unread = find_unmeasured("hit rate", state.cache_fault, rule=CACHE_UNMEASURED)
        if state.cache_absent:
            unread = [replace(one, severity="low") for one in unread]
        found += unread
    return [*found, *looked.events]


def _unread(fault: Fault | None, limits: LimitsReport, *, answers: bool) -> list[Finding]:
    """Return the findings about limits that were asked for and could not be read."""
    if fault is not None and limits.rows:
        return find_partial("rate limits", fault)
    return find_unmeasured("rate limits", fault, rule=LIMITS_UNMEASURED, answers=answers)
