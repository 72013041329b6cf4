"""high_latency: where the time goes, the largest share first. Pure.

Gateway and engine are compared by the gateway's own histograms if it has any, else by our requests to ``/health``,
which show how fast they answer and not what real requests cost. The analysis says which. Times that were measured in
different ways are never added up.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    LATENCY_UNMEASURED,
    REDIS_EVENTS_UNMEASURED,
    REDIS_SLOW_COMMANDS,
    REDIS_SLOW_UNMEASURED,
)
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import (
    GatewayState,
    HitRate,
    Quantiles,
    ServerState,
    ServiceState,
    SlowCall,
    SlowState,
)
from optimus_tui.contract.tools.common import if_known, status_of
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.hit_rate import find_hit_rate
from optimus_tui.verdicts.gateway.routes import by_time, judge_routes
from optimus_tui.verdicts.gateway.services import is_away, judge_engine, judge_gateway, judge_server
from optimus_tui.verdicts.playbooks.conclusion import Conclusion, ConclusionBuilder
from optimus_tui.verdicts.playbooks.proxy_timeout import DependencyLatencies, examine_direct, spread_section
from optimus_tui.wording.numbers import latency, percent, plural, thousands
from optimus_tui.wording.safe import safe_text

LEAST_SLOW_MS = 1.0
"""Below this a command is not slow: it is in the log because the log keeps everything."""
SLOW_CALL_MS = 100.0
"""A single command that holds everybody else up for this long is worth attention by itself."""


class LatencyEvidence(Struct, frozen=True, kw_only=True):
    """The measurements that high_latency needs. ``minutes`` is the window: older entries of the slow log do not count.

    ``served_now`` is ``served`` over the last minute, if it was recorded.
    """

    minutes: float
    gateway: Reading[GatewayState]
    engine: Reading[ServiceState]
    server: Reading[ServerState]
    direct: Mapping[str, DependencyLatencies]
    served: Quantiles | Fault
    upstream: Quantiles | Fault
    slow: SlowState | Fault
    rate: HitRate | None
    served_now: Quantiles | Fault | None = None


def conclude(seen: LatencyEvidence, thresholds: Thresholds) -> Conclusion:
    """Return every timed part, judged and ordered by its share of the time."""
    conclusion = ConclusionBuilder()
    away, down = judge_gateway(seen.gateway), judge_server(seen.server)
    conclusion.add_findings(*away, *judge_engine(seen.engine), *down)
    direct = examine_direct(conclusion, seen.direct, thresholds)
    routes = _examine_routes(conclusion, seen, thresholds, down=bool(away))
    slow = _examine_slow(conclusion, seen, down=is_away(seen.server))
    _examine_rate(conclusion, seen, thresholds)
    shares, basis = _shares(seen)
    if shares:
        words = ", ".join(f"{one['part']} {percent(one['share'])}" for one in shares)
        conclusion.add_measured(f"where the time goes, by {basis}: {words}")
    return conclusion.close(
        {
            "status": status_of(direct or routes, "unknown"),
            "where_the_time_goes": shares,
            "basis": basis,
            "direct_ms": direct,
            "routes_ms": routes,
            "redis_slow": slow,
            "hit_rate": None if seen.rate is None else round(seen.rate.value, 4),
        }
    )


def _examine_routes(
    conclusion: ConclusionBuilder, seen: LatencyEvidence, thresholds: Thresholds, *, down: bool
) -> dict[str, dict[str, float | str | None]]:
    what = "latency by route"
    if isinstance(seen.served, Fault):
        conclusion.add_unknown(what, seen.served, rule=LATENCY_UNMEASURED, excused=down)
        return {}
    if not seen.served.groups:
        why = "no http_request_duration_seconds in this window"
        if seen.served.fault:
            why = seen.served.fault.message
        conclusion.add_unknown(what, why)
        return {}
    conclusion.covered(seen.served.covered_minutes, seen.served.source)
    ranked = by_time(seen.served.groups)
    asked = sum(spread.count for _, spread in ranked)
    conclusion.add_measured(
        f"{plural(len(ranked), 'route')} of the gateway, {asked:,.0f} requests ({seen.served.source})"
    )
    now = [seen.served_now] if isinstance(seen.served_now, Quantiles) else []
    conclusion.add_findings(*judge_routes(seen.served.groups, thresholds, *now))
    bare = [(route, spread.mean) for route, spread in ranked if spread.p50 is None and spread.mean is not None]
    if bare:
        slowest, mean = max(bare, key=lambda one: one[1])
        of = f"{plural(len(bare), 'route')}: no buckets are published for them"
        conclusion.add_unknown(f"percentiles of {of}", f"{_shown(slowest)} takes {latency(1000 * mean)} on average")
    return {_shown(route): spread_section(spread) for route, spread in ranked}


def _shown(route: str) -> str:
    return safe_text(route, 80) or "(none)"


def _examine_slow(conclusion: ConclusionBuilder, seen: LatencyEvidence, *, down: bool) -> dict[str, Any]:
    slow = seen.slow
    if isinstance(slow, Fault):
        conclusion.add_unknown("slow commands", slow, rule=REDIS_SLOW_UNMEASURED, excused=down)
        return {"status": "unknown", "error": slow.message}
    window = seen.minutes * 60
    calls = [one for one in slow.calls if one.age_s <= window]
    events = [one for one in slow.events if one.age_s <= window]
    if slow.calls_fault is not None:
        conclusion.add_unknown("slow commands", slow.calls_fault, rule=REDIS_SLOW_UNMEASURED, excused=down)
    else:
        ours = ""
        if slow.own:
            ours = f", {slow.own:,} of our own left out"
        logged = thousands(slow.logged)
        conclusion.add_measured(
            f"{plural(len(calls), 'entry', 'entries')} of SLOWLOG within the window (of {logged}{ours})"
        )
        conclusion.add_findings(*_judge_calls(calls, window))
    if slow.events_fault is not None:
        conclusion.add_unknown("latency events", slow.events_fault, rule=REDIS_EVENTS_UNMEASURED, excused=down)
    else:
        conclusion.add_measured(f"{plural(len(events), 'event')} of LATENCY LATEST within the window")
    return {
        "status": status_of(slow.calls_fault is None and slow.events_fault is None, "partial"),
        "slow_calls": if_known(slow.calls_fault is None, len(calls)),
        "own_calls_left_out": slow.own,
        "slowest": [
            {"command": one.command, "took_ms": round(one.took_ms, 2), "age_seconds": round(one.age_s)}
            for one in sorted(calls, key=lambda one: -one.took_ms)[:5]
        ],
        "latency_events": [
            {"event": one.event, "latest_ms": one.latest_ms, "max_ms": one.max_ms, "age_seconds": round(one.age_s)}
            for one in events[:10]
        ],
    }


def _judge_calls(calls: list[SlowCall], window: float) -> list[Finding]:
    calls = [one for one in calls if one.took_ms >= LEAST_SLOW_MS]
    if not calls:
        return []
    worst = max(calls, key=lambda one: one.took_ms)
    bad = worst.took_ms >= SLOW_CALL_MS
    threshold = 0.0
    severity: Severity = "low"
    if bad:
        threshold = SLOW_CALL_MS
        severity = "medium"
    return [
        make_finding(
            rule=REDIS_SLOW_COMMANDS,
            severity=severity,
            subject="redis",
            commands=plural(len(calls), "slow command"),
            slowest=worst.command,
            took=latency(worst.took_ms),
            measured=worst.took_ms,
            threshold=threshold,
            unit="ms",
            samples=len(calls),
            window_seconds=window,
        )
    ]


def _examine_rate(conclusion: ConclusionBuilder, seen: LatencyEvidence, thresholds: Thresholds) -> None:
    if seen.rate is None:
        conclusion.add_unknown("share of cache misses", "no hit rate is known")
        return
    conclusion.add_measured(f"hit rate {percent(seen.rate.value)} ({seen.rate.source})")
    conclusion.add_findings(
        *(replace(one, samples=1) for one in find_hit_rate(seen.rate, seen.server.value, thresholds))
    )


def _shares(seen: LatencyEvidence) -> tuple[list[dict[str, Any]], str]:
    """Parts of the time with their shares, the largest first, and what they were measured by."""
    if isinstance(seen.served, Quantiles) and isinstance(seen.upstream, Quantiles) and seen.served.groups:
        whole = sum((one.mean or 0.0) * one.count for one in seen.served.groups.values())
        parts = {
            safe_text(name or "upstream", 60): (one.mean or 0.0) * one.count
            for name, one in seen.upstream.groups.items()
        }
        own = whole - sum(parts.values())
        if whole > 0 and own >= 0:
            return _ranked({**parts, "gateway itself and redis": own}, whole), "the gateway's histograms"
    timed = {name: one.series.p50 or 0.0 for name, one in seen.direct.items() if one.series.samples}
    whole = sum(timed.values())
    if whole > 0:
        return (_ranked(timed, whole), "our own requests (p50)")
    return ([], "nothing")


def _ranked(parts: Mapping[str, float], whole: float) -> list[dict[str, Any]]:
    ranked = sorted(parts.items(), key=lambda item: -item[1])
    return [{"part": name, "share": round(value / whole, 4)} for name, value in ranked]
