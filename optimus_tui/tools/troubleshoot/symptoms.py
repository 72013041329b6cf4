"""troubleshoot_production_issue: read all that a playbook needs in parallel, and return its conclusion.

For rate_limiting, one tenant's counters are read twice and compared with those of other tenants. The most urgent
counters are shown and the rest is only counted, so that an answer has a bounded size.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from optimus_tui.contract.findings import SEVERITIES
from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import (
    BREAKER,
    DURATIONS,
    HITS,
    MISSES,
    REQUESTS,
    UPSTREAM_DURATIONS,
    GatewayState,
    Increase,
)
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.contract.tools.traffic import TroubleshootQuery, TroubleshootReport
from optimus_tui.dialects.layout import key_of
from optimus_tui.tools.figures.kept_alerts import with_notes, without_cures
from optimus_tui.tools.health import MOST_ROWS, limit_sections, unparsed_section
from optimus_tui.tools.keyspace_scan import Survey, common_limits_of, is_default, judge_limits, survey
from optimus_tui.tools.pages.report_sections import aliases_of, diagnostics
from optimus_tui.tools.troubleshoot.evidence import (
    EvidenceReader,
    ReadTwice,
    RefusalEvidence,
    neighbours,
    read_refusals,
    read_twice,
)
from optimus_tui.tools.troubleshoot.whom import Chosen, choose_tenant
from optimus_tui.verdicts.gateway.performance import of_tenant
from optimus_tui.verdicts.limits.words import merge_rules, published_rules
from optimus_tui.verdicts.playbooks import cache_miss, circuit_breaker, high_latency, memory_leak, proxy_timeout
from optimus_tui.verdicts.playbooks import rate_limiting as playbook
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import NO_ALIASES

if TYPE_CHECKING:
    from optimus_tui.context import Context


MAX_COUNTERS = 5_000


async def rate_limiting(
    ctx: "Context", query: TroubleshootQuery, part: EvidenceReader
) -> tuple[Conclusion, dict[str, Any]]:
    """Return the playbook's conclusion, and the sections of the document."""
    asked = asyncio.ensure_future(part.gateway(with_rules=True))
    gateway, server, (seen, chosen, watched, refused) = await asyncio.gather(
        asked, part.server(), _count(ctx, part, query, asked)
    )
    tenant = chosen.tenant
    rules = merge_rules(published_rules(gateway.value), ctx.settings.limits)
    text = tenant.decode("utf-8", "surrogateescape")
    report = judge_limits(ctx, seen, rules, watched.index, tenant=tenant, total=seen.limits.total)
    found = len(seen.of_tenant)
    evidence = playbook.LimitEvidence(
        tenant=tenant,
        gateway=gateway,
        server=server,
        report=report,
        found=found,
        fault=seen.fault or watched.fault,
        slope_seconds=watched.slope_seconds,
        refused=refusals_of_tenant(
            refused.refused.grown,
            refused.requests,
            text,
            counted=any(row.counter.count for row in report.rows),
        ),
        refusals=refused.findings(watched, rules, text),
        older=refused.older,
        chosen=chosen.why,
        target=ctx.settings.operator_redis or ctx.settings.redis,
        common=common_limits_of(ctx, watched.index, rules),
        layout=tuple(seen.find_unknown_layout()),
        writable=ctx.settings.layout_is_writable,
        parts={
            row.counter.key: name.belongings(key_of(row.counter.key))
            for row in report.rows
            if (name := ctx.layout.counter(row.counter.key)) is not None
        },
    )
    conclusion = playbook.conclude(evidence, ctx.settings.thresholds)
    details = {
        **conclusion.analysis,
        "omitted": max(0, found - min(len(report.rows), MOST_ROWS)),
        "unparsed": unparsed_section(seen.limits.unparsed),
    }
    return conclusion, {
        "tenant_id": safe_text(tenant, 200),
        "aliases": aliases_of(report.rows),
        "rate_limiting_analysis": limit_sections(report.rows),
        "rate_limiting_details": details,
    }


async def _count(
    ctx: "Context", part: EvidenceReader, query: TroubleshootQuery, gateway: Awaitable[Reading[GatewayState]]
) -> tuple[Survey, Chosen, ReadTwice, RefusalEvidence]:
    """Read all names, then one tenant's counters twice, with samples of the gateway's page in between."""
    began = ctx.clock.mono()
    chosen = Chosen(query.tenant_id.encode("utf-8", "surrogateescape"))
    seen = await survey(ctx, tenant=chosen.tenant)
    if is_default(ctx, query.tenant_id) and not seen.of_tenant:
        chosen = await choose_tenant(ctx, seen, gateway)
    names = sorted(seen.of_tenant)[:MAX_COUNTERS]
    watched = await read_twice(ctx, part.counters, seen, names, await neighbours(seen, names), began)
    return seen, chosen, watched, await read_refusals(ctx, part.counters, part.minutes)


def refusals_of_tenant(refused: Increase, requests: Increase, tenant: str, *, counted: bool) -> Increase:
    """Return this tenant's refusals; unknown if there were refusals but the gateway does not count this tenant.

    The tenant's counters prove that it sent requests (``counted``). If the metrics show none of it, they count other
    names, for example teams instead of users.
    """
    why = ""
    if refused.total > 0 and set(refused.by("tenant")) == {""}:
        why = "the gateway does not count refusals by tenant"
    elif refused.total > 0 and counted and tenant not in {*requests.by("tenant"), *refused.by("tenant")}:
        why = "the gateway's metrics have no tenant of this name"
    if not why:
        return of_tenant(refused, tenant)
    return replace(refused, series=(), covered_minutes=0.0, fault=Fault("invalid", why))


QUERY, REPORT = TroubleshootQuery, TroubleshootReport
NAMESPACES = ("cache.keys", "cache.no_ttl", "coherence.keys", "limits.counters")

Answer = tuple[Conclusion, dict[str, Any]]


def found(report: TroubleshootReport) -> bool:
    """Return True for a diagnostic of medium or worse."""
    return report.severity_assessment in SEVERITIES[1:]


async def run(ctx: "Context", query: TroubleshootQuery) -> TroubleshootReport:
    """Examine one symptom."""
    conclusion, sections = await _PLAYBOOKS[query.issue_type](
        ctx, query, EvidenceReader(ctx, query.time_window_minutes)
    )
    tenant = sections.pop("tenant_id", _tenant(ctx, query))
    conclusion = conclusion.named(sections.get("aliases") or NO_ALIASES)
    findings = await with_notes(ctx, conclusion.findings)
    worst = max((SEVERITIES.index(one.severity) for one in findings), default=-1)
    return TroubleshootReport(
        tool="troubleshoot_production_issue",
        timestamp=timestamp(ctx.clock.wall()),
        issue_type=query.issue_type,
        tenant_id=safe_text(tenant, 200),
        window_requested_minutes=query.time_window_minutes,
        window_covered_minutes=round(conclusion.covered_minutes, 1),
        source=conclusion.source,
        diagnostics=diagnostics(one if one.samples is not None else replace(one, samples=1) for one in findings),
        recommendations=tuple(_for(ctx, one) for one in without_cures(findings, conclusion.recommendations)),
        severity_assessment=SEVERITIES[worst] if worst >= 0 else "none",
        immediate_action_required=worst >= SEVERITIES.index("high"),
        examined=conclusion.examined,
        unknown=conclusion.unknown,
        **sections,
    )


def _for(ctx: "Context", one: Recommendation) -> Recommendation:
    """Return a recommendation; without a file of our gateway's source where another system is watched."""
    if ctx.settings.system_is_ours:
        return one
    return replace(one, file=None)


def _tenant(ctx: "Context", query: TroubleshootQuery) -> str:
    """Return whom a playbook is about that looks at all tenants; "" where nobody was asked for in another system."""
    if is_default(ctx, query.tenant_id):
        return ""
    return query.tenant_id


async def _cache(ctx: "Context", tenant: bytes) -> CacheReport | Fault:
    """Return all cache keys with their TTLs, or a fault if none could be read."""
    seen = await survey(ctx, tenant=tenant, ttls=True)
    if seen.fault is not None and not seen.coverage.scanned:
        return seen.fault
    return seen.cache.report(ctx.clock.mono())


async def _cache_miss(ctx: "Context", query: TroubleshootQuery, part: EvidenceReader) -> Answer:
    tenant = _tenant(ctx, query).encode()
    (gateway, server), (history, evicted), (hits, misses), cache, events, recent = await asyncio.gather(
        asyncio.gather(part.gateway(), part.server()),
        asyncio.gather(part.series("hit_rate.gateway"), part.series("redis.evicted")),
        asyncio.gather(part.increase(HITS), part.increase(MISSES)),
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
    conclusion = cache_miss.conclude(evidence, ctx.settings.thresholds)
    return conclusion, {"cache_miss_analysis": conclusion.analysis}


async def _circuit_breaker(ctx: "Context", query: TroubleshootQuery, part: EvidenceReader) -> Answer:
    async def history() -> tuple[Any, ...]:
        names = await part.names(BREAKER)
        windows = await asyncio.gather(*(part.series(name) for name in names))
        return tuple(one for one in windows if not isinstance(one, Fault))

    (gateway, engine), metrics, kept, requests, recent = await asyncio.gather(
        asyncio.gather(part.gateway(), part.engine()),
        part.metrics(),
        history(),
        part.increase(REQUESTS),
        part.recent_increase(REQUESTS),
    )
    evidence = circuit_breaker.BreakerEvidence(
        gateway=gateway, engine=engine, metrics=metrics, history=kept, requests=requests, recent=recent
    )
    conclusion = circuit_breaker.conclude(evidence, ctx.settings.thresholds)
    return conclusion, {"circuit_breaker_analysis": conclusion.analysis}


async def _proxy_timeout(ctx: "Context", query: TroubleshootQuery, part: EvidenceReader) -> Answer:
    (gateway, engine), direct, upstream, served, requests, recent = await asyncio.gather(
        asyncio.gather(part.gateway(), part.engine()),
        part.timed("gateway", "engine"),
        part.quantiles(UPSTREAM_DURATIONS, "service"),
        part.quantiles(DURATIONS),
        part.increase(REQUESTS),
        part.recent_increase(REQUESTS),
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
    conclusion = proxy_timeout.conclude(evidence, ctx.settings.thresholds)
    return conclusion, {"proxy_timeout_analysis": conclusion.analysis}


async def _memory_leak(ctx: "Context", query: TroubleshootQuery, part: EvidenceReader) -> Answer:
    async def windows() -> dict[str, Any]:
        names = ["redis.memory", "gateway.rss", *NAMESPACES, *await part.names("cache.kind.")]
        return dict(zip(names, await asyncio.gather(*(part.series(name) for name in names)), strict=True))

    (gateway, server, memory), kept, requests, cache = await asyncio.gather(
        asyncio.gather(part.gateway(), part.server(), part.memory()),
        windows(),
        part.kept_increase(REQUESTS),
        _cache(ctx, _tenant(ctx, query).encode()),
    )
    evidence = memory_leak.MemoryEvidence(
        gateway=gateway,
        server=server,
        memory=memory,
        windows=kept,
        cache=cache,
        requests=requests if isinstance(requests, Increase) else Increase(name=REQUESTS, fault=requests),
    )
    conclusion = await asyncio.to_thread(memory_leak.conclude, evidence, ctx.settings.thresholds)
    return conclusion, {"memory_leak_analysis": conclusion.analysis}


async def _high_latency(ctx: "Context", query: TroubleshootQuery, part: EvidenceReader) -> Answer:
    (gateway, engine, server), direct, (served, served_now), upstream, slow = await asyncio.gather(
        asyncio.gather(part.gateway(), part.engine(), part.server()),
        part.timed("gateway", "engine", "redis"),
        asyncio.gather(
            part.quantiles(DURATIONS, "route"),
            part.recent_quantiles(DURATIONS, "route"),
        ),
        part.quantiles(UPSTREAM_DURATIONS, "service"),
        part.slow(),
    )
    evidence = high_latency.LatencyEvidence(
        minutes=part.minutes,
        gateway=gateway,
        engine=engine,
        server=server,
        direct=direct,
        served=served,
        served_now=served_now,
        upstream=upstream,
        slow=slow,
        rate=part.rate(gateway, server) or await part.counted_rate(),
    )
    conclusion = high_latency.conclude(evidence, ctx.settings.thresholds)
    return conclusion, {"high_latency_analysis": conclusion.analysis}


_PLAYBOOKS: dict[str, Callable[["Context", TroubleshootQuery, EvidenceReader], Awaitable[Answer]]] = {
    "rate_limiting": rate_limiting,
    "cache_miss": _cache_miss,
    "circuit_breaker": _circuit_breaker,
    "proxy_timeout": _proxy_timeout,
    "memory_leak": _memory_leak,
    "high_latency": _high_latency,
}
