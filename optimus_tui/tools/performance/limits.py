"""Rate-limiting efficiency: how much was refused, what is left of the limits, and what the counters weigh."""

import asyncio
from collections import Counter as Tally
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.limits import NO_TENANT, LimitRow, LimitRules, LimitsReport
from optimus_tui.contract.metrics import Increase
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.traffic import PerformanceQuery
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.tools.keyspace_scan import Survey, common_limits_of, judge_limits, survey
from optimus_tui.tools.pages.report_sections import limit_section, operation_name, sentence
from optimus_tui.tools.performance.traffic import Result, not_available
from optimus_tui.tools.troubleshoot.refusals import RefusalEvidence, Watched, neighbours, read_refusals, read_twice
from optimus_tui.verdicts.gateway.performance import of_tenant, shown
from optimus_tui.verdicts.rules import merge_rules
from optimus_tui.verdicts.sorting import worst_first
from optimus_tui.verdicts.values import if_known, rounded, status_of
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

ROWS = 20
WEIGHED = 20


async def rate_limiting_efficiency(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure refusals over the window, and what is left of the limits now."""
    from optimus_tui.probes.http.services import read_gateway

    counters = Counters(ctx, query.time_window_minutes)
    tenant = None
    if query.tenant_filter is not None:
        tenant = query.tenant_filter.encode("utf-8", "surrogatepass")
    gateway, (seen, watched, evidence) = await asyncio.gather(
        read_gateway(ctx.http, ctx.settings, ctx.clock, with_rules=True), _look(ctx, query, counters, tenant)
    )
    rules = merge_rules(gateway.value.rules if gateway.value else None, ctx.settings.limits)
    refused, requests = evidence.refused.grown, evidence.requests
    known, counted = bool(seen.coverage.scanned) or seen.fault is None, refused.covered_minutes > 0
    refusals = evidence.findings(watched, rules, query.tenant_filter)
    if not known and not counted and not refusals:
        reason = f"{sentence(refused.fault) or 'nobody counted refusals'}; {sentence(seen.fault)}"
        return not_available("rate-limiting efficiency", reason)
    if known:
        limits, fault = _limits(ctx, seen, watched, rules, tenant)
    else:
        limits, fault = (None, seen.fault)
    memory = None
    if known and fault is None:
        memory = await _memory(ctx, seen, tenant)
    findings = [*refusals]
    if limits is not None:
        findings = [*limits.findings, *refusals]
    if not known or fault is not None:
        findings += not_available("the counters", sentence(fault) or "not read").findings
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
        findings=worst_first(findings),
    )


async def _look(
    ctx: "Context", query: PerformanceQuery, counters: Counters, tenant: bytes | None
) -> tuple[Survey, Watched, RefusalEvidence]:
    """The names, the counters twice, and the gateway's page in between."""
    began = ctx.clock.mono()
    seen = await survey(ctx, tenant=tenant)
    if tenant is not None:
        names = sorted(seen.of_tenant)
    else:
        names = seen.limits.names_to_read()
    others = []
    if tenant is not None:
        others = neighbours(seen, names)
    watched = await read_twice(ctx, counters, seen, names, others, began)
    return seen, watched, await read_refusals(ctx, counters, query.time_window_minutes)


def _limits(
    ctx: "Context", seen: Survey, watched: Watched, rules: LimitRules | None, tenant: bytes | None
) -> tuple[LimitsReport | None, Fault | None]:
    if watched.fault is not None and not watched.first:
        return None, watched.fault
    total = if_known(tenant is None, seen.limits.total)
    common = common_limits_of(ctx, watched.index, rules)
    return judge_limits(ctx, seen, rules, watched.index, tenant=tenant, total=total, common=common), watched.fault


async def _memory(ctx: "Context", seen: Survey, tenant: bytes | None) -> dict[str, Any]:
    """What the counters weigh, estimated from a sample."""
    from optimus_tui.probes.faults import OUTAGES, fault_of
    from optimus_tui.probes.keys.cache import read_details

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
        fault = sentence(fault_of(error, ctx.settings.redis))
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
        "state": row.state,
        "current_count": section.current_count,
        "limit": row.limit,
        "headroom": left,
        "share_used": rounded(row.share, 4),
        "ttl_seconds": section.ttl_seconds,
        "immortal": section.immortal,
    }
