"""analyze_performance_metrics: five figures over a window, each measured or reported as not available."""

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import NO_TENANT, CacheReport, GroupTotals, LimitRow, LimitRules, LimitsReport
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import HITS, MISSES, GatewayState, HitRate, Increase, ServerState, Window
from optimus_tui.contract.tools.common import WindowSource, if_known, rounded, status_of
from optimus_tui.contract.tools.traffic import PerformanceQuery, PerformanceReport
from optimus_tui.tools.figures.gateway_figures import from_counters, present_rate, rate_since_start
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.tools.keyspace_scan import Survey, common_limits_of, judge_limits, survey
from optimus_tui.tools.pages.report_sections import aliases_of, diagnostics, limit_section, operation_name, sentence
from optimus_tui.tools.performance.traffic import Result, error_rate, latency, not_available, throughput
from optimus_tui.tools.troubleshoot.evidence import ReadTwice, RefusalEvidence, neighbours, read_refusals, read_twice
from optimus_tui.verdicts.coherence.keys import judge as judge_cache
from optimus_tui.verdicts.gateway.hit_rate import find_conflict, find_rates
from optimus_tui.verdicts.gateway.performance import beside_counters, of_tenant, shown, trend
from optimus_tui.verdicts.limits.words import aliases_in, merge_rules, named, published_rules
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


SIZES = 20
KINDS = 20


async def cache_performance(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure the hit rate, keys and memory.

    The hit rate is that of the window if look-ups were counted, else the gateway's own figure, else Redis' without our
    own look-ups.
    """
    from optimus_tui.probes.http.services import read_gateway
    from optimus_tui.probes.server import read_server

    minutes = query.time_window_minutes
    names = ("hit_rate.gateway", "cache.keys", "redis.evicted")
    counters = Counters(ctx, minutes)
    (gateway, server, seen), (hits, misses), present, (rates, counts, evicted) = await asyncio.gather(
        asyncio.gather(
            read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=False),
            read_server(ctx.redis, ctx.settings.redis, ctx.own, ctx.clock),
            survey(ctx, ttls=True, sizes=SIZES),
        ),
        asyncio.gather(counters.increase(HITS), counters.increase(MISSES)),
        present_rate(ctx, counters, live=True),
        asyncio.gather(*(ctx.windows.series(name, minutes) for name in names)),
    )
    published = rate_since_start(gateway.value, server, ctx.clock.mono())
    rate = from_counters(hits, misses) or present or published
    known = bool(seen.coverage.scanned) or seen.fault is None
    if rate is None and not known:
        reason = sentence(seen.fault) or "neither the gateway nor Redis could be read"
        return not_available("cache performance", reason)
    report = judge_cache(seen.cache.report(ctx.clock.mono()), ctx.settings.thresholds)
    covered, source = _covered(hits, rates)
    return Result(
        results={
            "status": status_of(rate is not None and known, "partial"),
            **_rate_section(rate, present, published, rates),
            **_lookups(hits, misses),
            "error": None if rate else _why(gateway.value),
            **beside_counters(hits),
            **(_keys_section(report, seen, counts, query.tenant_filter) if known else _no_keys(seen)),
            "memory": _memory(server, evicted),
            **_notes(query),
        },
        covered_minutes=covered,
        source=source,
        findings=(
            *find_rates(rate, present, server.value, ctx.settings.thresholds),
            *(find_conflict(published, present or rate, ctx.settings.thresholds) if rate is not published else ()),
            *_of_keys(report, query),
            *_missing(seen),
        ),
    )


def _covered(hits: Increase, rates: Window) -> tuple[float, WindowSource]:
    if hits.covered_minutes > 0:
        return hits.covered_minutes, hits.source
    return rates.covered_minutes, rates.source


def _rate_section(
    rate: HitRate | None, present: HitRate | None, published: HitRate | None, rates: Window
) -> dict[str, Any]:
    """Return the rate of the window, the present one and the published one, each with its source."""
    return {
        **_with_source("hit_rate", rate),
        **_with_source("hit_rate_now", present),
        **_with_source("published_hit_rate", published),
        "hit_rate_trend": trend(rates.samples),
    }


def _with_source(name: str, rate: HitRate | None) -> dict[str, Any]:
    if rate is None:
        return {name: None, f"{name}_source": None}
    return {name: rounded(rate.value, 4), f"{name}_source": rate.source}


def _lookups(hits: Increase, misses: Increase) -> dict[str, int | None]:
    counted = hits.covered_minutes > 0 and misses.covered_minutes > 0
    return {"hits": if_known(counted, round(hits.total)), "misses": if_known(counted, round(misses.total))}


def _why(gateway: GatewayState | None) -> str:
    return sentence(gateway.cache_fault if gateway else None) or "no look-ups were counted yet"


def _keys_section(report: CacheReport, seen: Survey, counts: Window, tenant: str | None) -> dict[str, Any]:
    owner = None
    if tenant is not None:
        owner = tenant.encode("utf-8", "surrogatepass")
    kinds: list[tuple[str, list[GroupTotals]]] = []
    for kind in report.kinds:
        if owner is None:
            of = [kind.totals]
        else:
            of = [one for one in kind.tenants if one.tenant == owner]
        if of:
            kinds.append((shown(kind.totals.kind.decode("utf-8", "backslashreplace")), of))
    every = [one for _, of in kinds for one in of]
    sizes = [one.bytes_used for one in every if one.bytes_used is not None]
    return {
        "total_keys": sum(one.keys for one in every),
        "keys_without_ttl": sum(one.without_ttl for one in every),
        "estimated_memory_bytes": sum(sizes) if sizes else None,
        "by_kind": [
            {
                "kind": name,
                "keys": sum(one.keys for one in of),
                "keys_without_ttl": sum(one.without_ttl for one in of),
                "estimated_memory_bytes": of[0].bytes_used,
            }
            for name, of in kinds[:KINDS]
        ],
        "keys_trend": trend(counts.samples) if owner is None else None,
        "coverage": seen.section,
        "keys_error": sentence(seen.fault),
    }


def _no_keys(seen: Survey) -> dict[str, Any]:
    empty = dict.fromkeys(("total_keys", "keys_without_ttl", "estimated_memory_bytes", "by_kind", "keys_trend"))
    return {**empty, "coverage": seen.section, "keys_error": sentence(seen.fault)}


def _memory(server: Reading[ServerState], evicted: Window) -> dict[str, Any]:
    state = server.value
    if state is None:
        return {"status": "unknown", "used_bytes": None, "error": sentence(server.fault)}
    grown = [value for _, value in evicted.samples]
    return {
        "status": status_of(state.memory_used is not None, "unknown"),
        "used_bytes": state.memory_used,
        "max_bytes": state.memory_max,
        "policy": state.memory_policy,
        "evicted_keys": state.evicted_keys,
        "evicted_in_window": round(grown[-1] - grown[0]) if len(grown) > 1 and grown[-1] >= grown[0] else None,
        "error": sentence(state.info_fault or server.fault),
    }


def _notes(query: PerformanceQuery) -> dict[str, Any]:
    if query.tenant_filter is None:
        return {}
    return {
        "notes": ["the keys are this tenant's; the hit rate and the memory are known only for all tenants together"]
    }


def _of_keys(report: CacheReport, query: PerformanceQuery) -> list[Finding]:
    """Size and TTLs of the cache; coherence has a tool of its own, and one tenant's part is not the whole."""
    if query.tenant_filter is not None:
        return []
    return [one for one in report.findings if one.rule.startswith("cache.")]


def _missing(seen: Survey) -> list[Finding]:
    if seen.fault is None:
        return []
    return list(not_available("the cache's keys", sentence(seen.fault) or "they were not read").findings)


ROWS = 20
WEIGHED = 20


async def rate_limiting_efficiency(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure refusals over the window, and how much of the limits is left now."""
    from optimus_tui.probes.http.services import read_gateway

    counters = Counters(ctx, query.time_window_minutes)
    tenant = None
    if query.tenant_filter is not None:
        tenant = query.tenant_filter.encode("utf-8", "surrogatepass")
    gateway, (seen, watched, evidence) = await asyncio.gather(
        read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=True), _look(ctx, query, counters, tenant)
    )
    rules = merge_rules(published_rules(gateway.value), ctx.settings.limits)
    refused, requests = evidence.refused.grown, evidence.requests
    known, counted = bool(seen.coverage.scanned) or seen.fault is None, refused.covered_minutes > 0
    refusals = evidence.findings(watched, rules, query.tenant_filter)
    if not known and not counted and not refusals:
        reason = f"{sentence(refused.fault) or 'refusals were not counted in this window'}; {sentence(seen.fault)}"
        return not_available("rate-limiting efficiency", reason)
    if known:
        limits, fault = _limits(ctx, seen, watched, rules, tenant)
    else:
        limits, fault = (None, seen.fault)
    memory = None
    if known and fault is None:
        memory = await _counters_memory(ctx, seen, tenant)
    findings = [*refusals]
    if limits is not None:
        findings = [*limits.findings, *refusals]
    if not known or fault is not None:
        findings += not_available("the counters", sentence(fault) or "they were not read").findings
    if not counted and not refusals:
        findings += not_available("refusals", sentence(refused.fault) or "they were not counted").findings
    return Result(
        results={
            "status": status_of(counted and limits is not None, "partial"),
            "refused": {
                **_refused(of_tenant(refused, query.tenant_filter), of_tenant(requests, query.tenant_filter)),
                "basis": evidence.refused.basis,
                "before_the_window": evidence.older or None,
            },
            "headroom": _headroom(limits, rules, fault),
            "memory": memory or {"status": "unknown", "limit_keys": None, "estimated_bytes": None},
            "coverage": seen.section,
        },
        covered_minutes=refused.covered_minutes,
        source=refused.source,
        findings=named(worst_first(findings), aliases_in(rules)),
        aliases=aliases_of(limits.rows if limits else ()),
    )


async def _look(
    ctx: "Context", query: PerformanceQuery, counters: Counters, tenant: bytes | None
) -> tuple[Survey, ReadTwice, RefusalEvidence]:
    """Read the names, the gateway's page, and the counters before and after it."""
    began = ctx.clock.mono()
    seen = await survey(ctx, tenant=tenant)
    if tenant is not None:
        names = sorted(seen.of_tenant)
    else:
        names = seen.limits.names_to_read()
    others = []
    if tenant is not None:
        others = await neighbours(seen, names)
    watched = await read_twice(ctx, counters, seen, names, others, began)
    return seen, watched, await read_refusals(ctx, counters, query.time_window_minutes)


def _limits(
    ctx: "Context", seen: Survey, watched: ReadTwice, rules: LimitRules | None, tenant: bytes | None
) -> tuple[LimitsReport | None, Fault | None]:
    if watched.fault is not None and not watched.first:
        return None, watched.fault
    total = if_known(tenant is None, seen.limits.total)
    common = common_limits_of(ctx, watched.index, rules)
    return judge_limits(ctx, seen, rules, watched.index, tenant=tenant, total=total, common=common), watched.fault


async def _counters_memory(ctx: "Context", seen: Survey, tenant: bytes | None) -> dict[str, Any]:
    """Return the memory of all counters, estimated from a sample."""
    from optimus_tui.probes.cache_keys import read_details
    from optimus_tui.probes.faults import OUTAGES, fault_of

    if tenant is not None:
        names = sorted(seen.of_tenant)
        total = len(seen.of_tenant)
    else:
        names = [one.key for one in seen.limits.counters()]
        total = seen.limits.total
    some = names[:: max(1, len(names) // WEIGHED)][:WEIGHED]
    try:
        details = await read_details(ctx.redis, ctx.own, ctx.clock, some)
    except OUTAGES as error:
        fault = sentence(fault_of(error, ctx.settings.redis, ctx.layout))
        return {"status": "unknown", "limit_keys": total, "estimated_bytes": None, "error": fault}
    sizes = [detail.bytes_used for detail in details if detail.bytes_used is not None]
    mean = None
    if sizes:
        mean = sum(sizes) / len(sizes)
    average = estimated = None
    if mean is not None:
        average, estimated = round(mean), round(mean * total)
    if not total:
        estimated = 0
    return {
        "status": status_of(sizes or not total, "unknown"),
        "limit_keys": total,
        "sampled": len(sizes),
        "average_bytes": average,
        "estimated_bytes": estimated,
        "error": if_known(not (sizes or not total), "no size could be read"),
    }


def _refused(refused: Increase, requests: Increase) -> dict[str, Any]:
    if refused.covered_minutes <= 0:
        reason = sentence(refused.fault) or "refusals were not counted in this window"
        return {"status": "not available", "reason": reason, "total": None}
    total, asked = refused.total, requests.total
    by_tenant = requests.by("tenant")
    return {
        "status": "ok",
        "total": round(total),
        "per_minute": round(total / refused.covered_minutes, 2),
        "share_of_requests": round(total / asked, 4) if asked >= total and asked > 0 else None,
        "by_tenant": [
            {
                "tenant": shown(name),
                "refused": round(count),
                "share_of_requests": round(count / by_tenant[name], 4) if by_tenant.get(name, 0) >= count else None,
            }
            for name, count in list(refused.by("tenant").items())[:ROWS]
            if count > 0
        ],
        "by_operation": {
            shown(name): round(count) for name, count in list(refused.by("operation").items())[:ROWS] if name and count
        },
        "counter_resets": sum(one.resets for one in refused.series),
    }


def _headroom(limits: LimitsReport | None, rules: LimitRules | None, fault: Fault | None) -> dict[str, Any]:
    if limits is None:
        return {"status": "unknown", "error": sentence(fault), "rows": []}
    states = Tally(row.state for row in limits.rows)
    limited = [row for row in limits.rows if row.limit is not None and row.counter.count is not None]
    return {
        "status": status_of(rules is not None or not limits.rows, "unknown limits"),
        "active_counters": limits.total,
        "tenants": len(limits.tenants),
        "immortal": states["immortal"],
        "over_limit": states["over"],
        "near_limit": states["near"],
        "unknown_limit": states["unknown limit"],
        "unparsed_names": limits.unparsed.count,
        "average_share_used": round(sum(row.share or 0.0 for row in limited) / len(limited), 4) if limited else None,
        "window_seconds": rules.window_seconds if rules else None,
        "rows": [_row(row) for row in limits.rows[:ROWS]],
        "omitted": max(0, len(limits.rows) - ROWS),
        "error": None,
    }


def _row(row: LimitRow) -> dict[str, Any]:
    section = limit_section(row.counter, row)
    left = None
    if not (row.limit is None or row.counter.count is None):
        left = max(0, row.limit - row.counter.count)
    return {
        "tenant": safe_text(row.counter.tenant, 120) or NO_TENANT,
        "operation": operation_name(row.counter),
        "state": row.word,
        "current_count": section.current_count,
        "limit": row.limit,
        "headroom": left,
        "share_used": rounded(row.share, 4),
        "ttl_seconds": section.ttl_seconds,
        "immortal": section.immortal,
    }


QUERY, REPORT = PerformanceQuery, PerformanceReport
Measure = Callable[["Context", PerformanceQuery], Awaitable[Result]]

_MEASURES: dict[str, Measure] = {
    "latency": latency,
    "throughput": throughput,
    "error_rate": error_rate,
    "cache_performance": cache_performance,
    "rate_limiting_efficiency": rate_limiting_efficiency,
}


def found(report: PerformanceReport) -> bool:
    """Return True for a finding of medium severity or worse, or if a figure could not be measured."""
    missing = report.analysis_results.get("status") == "not available"
    return missing or any(one.severity in ("medium", "high", "critical") for one in report.diagnostics)


async def run(ctx: "Context", query: PerformanceQuery) -> PerformanceReport:
    """Measure the one figure that was asked for."""
    result = await _MEASURES[query.metric_type](ctx, query)
    return PerformanceReport(
        tool="analyze_performance_metrics",
        timestamp=timestamp(ctx.clock.wall()),
        metric_type=query.metric_type,
        tenant_filter=None if query.tenant_filter is None else safe_text(query.tenant_filter, 200),
        window_requested_minutes=query.time_window_minutes,
        window_covered_minutes=round(result.covered_minutes, 3),
        source=result.source,
        analysis_results=result.results,
        diagnostics=diagnostics(worst_first(result.findings)),
        aliases=result.aliases,
    )
