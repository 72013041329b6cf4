"""Cache performance: hit rate with its source and trend, keys, keys without TTL, memory. Each part stands alone."""

import asyncio
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.cache import CacheReport, GroupTotals
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import HITS, MISSES, Increase, Window
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import GatewayState, HitRate, ServerState
from optimus_tui.contract.tools.common import WindowSource
from optimus_tui.contract.tools.traffic import PerformanceQuery
from optimus_tui.tools.figures.hit_rates import from_counters, present_rate
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.tools.keyspace_scan import Survey, survey
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.tools.performance.traffic import Result, not_available
from optimus_tui.verdicts.coherence.keys import judge as judge_cache
from optimus_tui.verdicts.gateway.hit_rate import LookupTrack, find_conflict, find_rates, hit_rate, track_lookups
from optimus_tui.verdicts.gateway.performance import beside_counters, shown, trend
from optimus_tui.verdicts.values import if_known, rounded, status_of

if TYPE_CHECKING:
    from optimus_tui.context import Context

SIZES = 20
KINDS = 20


async def cache_performance(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure the hit rate, keys and memory.

    The hit rate is that of the window if look-ups were counted, else the gateway's figure, else Redis' own without our
    share.
    """
    from optimus_tui.probes.http.services import read_gateway
    from optimus_tui.probes.servers.server import read_server

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
    published = _now(gateway.value, server, ctx.clock.mono())
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


def _now(gateway: GatewayState | None, server: Reading[ServerState], mono: float) -> HitRate | None:
    track = LookupTrack()
    if server.value is not None:
        track = track_lookups(track, server.value, mono)
    return hit_rate(gateway, track)


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
    return {"notes": ["keys are this tenant's; hit rate and memory are known for all tenants together only"]}


def _of_keys(report: CacheReport, query: PerformanceQuery) -> list[Finding]:
    """Size and TTLs of the cache; coherence has a tool of its own, and one tenant's part is not the whole."""
    if query.tenant_filter is not None:
        return []
    return [one for one in report.findings if one.rule.startswith("cache.")]


def _missing(seen: Survey) -> list[Finding]:
    if seen.fault is None:
        return []
    return list(not_available("the cache's keys", sentence(seen.fault) or "not read").findings)
