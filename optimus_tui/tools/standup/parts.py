"""The stand-up's parts, each cut out of the documents of the tools that measured it. Pure.

A missing document leaves its parts unknown, with the reason.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from optimus_tui.contract.findings import SEVERITIES, Finding, overall_of
from optimus_tui.contract.tools.standup import (
    CachePart,
    EventsPart,
    LimitsPart,
    RedisPart,
    ServicePart,
    StandupFinding,
    StandupReport,
)
from optimus_tui.tools.answer import timestamp
from optimus_tui.tools.arguments import ToolFailure
from optimus_tui.wording.age import seconds_of

if TYPE_CHECKING:
    from optimus_tui.context import Context

KEY = "standup"
_JUDGED = ("health", "latency", "coherence")
"""Whose findings count. The health's hold those of the limits; whoever publishes no metrics has done nothing wrong."""


def compose(
    ctx: "Context", answers: Mapping[str, Any], failures: Mapping[str, ToolFailure], minutes: int
) -> StandupReport:
    """Return the stand-up as of now, without what has changed."""
    documents = {name: {} if name in failures else answers[name] for name in answers}
    findings = _findings(documents)
    unknown = tuple(dict.fromkeys(f"{name}: {one.error.message}" for name, one in failures.items()))
    return StandupReport(
        tool=KEY,
        timestamp=timestamp(ctx.clock.wall()),
        environment=ctx.settings.environment,
        since=None,
        window_minutes=minutes,
        overall_status=_overall(documents["health"], findings),
        gateway=_service(documents, "backend_orchestrator_health", "gateway"),
        engine=_service(documents, "ai_engine_connectivity", "engine"),
        redis=_redis(documents),
        limits=_limits(ctx, documents, failures),
        cache=_cache(documents["coherence"], failures),
        events=_events(ctx, documents["coherence"], failures),
        findings=findings,
        unknown=unknown,
    )


def _findings(documents: Mapping[str, Any]) -> tuple[StandupFinding, ...]:
    """Each fact once, however many tools found it; the worst first."""
    found: dict[tuple[str, str], StandupFinding] = {}
    for name in _JUDGED:
        for one in documents[name].get("diagnostics", ()):
            severity = one["level"]
            new = StandupFinding(
                severity=severity, message=one["message"], rule=one["rule"], subject=one.get("subject", "")
            )
            old = found.setdefault((new.rule, new.subject), new)
            if SEVERITIES.index(severity) > SEVERITIES.index(old.severity):
                found[new.rule, new.subject] = replace(old, severity=severity)
    return tuple(sorted(found.values(), key=lambda one: -SEVERITIES.index(one.severity)))


def _overall(health: Mapping[str, Any], findings: tuple[StandupFinding, ...]) -> Any:
    judged = [Finding(rule=f.rule, severity=f.severity, subject=f.subject, message=f.message) for f in findings]
    return overall_of(judged, unknown=not health)


def _service(documents: Mapping[str, Any], section: str, name: str) -> ServicePart:
    seen = documents["health"].get(section, {})
    window = documents["latency"].get("analysis_results", {}).get("services", {}).get(name, {})
    return ServicePart(
        status=seen.get("status", "unknown"),
        latency_ms=seen.get("latency_ms"),
        p95_ms=window.get("p95_ms"),
        error=seen.get("error"),
    )


def _redis(documents: Mapping[str, Any]) -> RedisPart:
    part = _service(documents, "redis", "redis")
    cache = documents["health"].get("cache_metrics", {})
    return RedisPart(
        **msgspec.structs.asdict(part), hit_rate=cache.get("hit_rate"), hit_rate_source=cache.get("source")
    )


def _limits(ctx: "Context", documents: Mapping[str, Any], failures: Mapping[str, ToolFailure]) -> LimitsPart:
    headroom = documents["limits"].get("analysis_results", {}).get("headroom", {})
    shared = [row for row in headroom.get("rows", ()) if row.get("share_used") is not None]
    fullest: dict[str, Any] = max(shared, key=lambda row: row["share_used"], default={})
    seen = documents["health"].get("rate_limiting", {})
    if seen.get("status") == "unknown":  # no counter of a known layout is not the same as no counter
        return LimitsPart(counters_allowed=ctx.settings.thresholds.limit_keys, error=seen.get("error"))
    return LimitsPart(
        counters=headroom.get("active_counters"),
        counters_allowed=ctx.settings.thresholds.limit_keys,
        immortal=headroom.get("immortal"),
        over=headroom.get("over_limit"),
        tenant=fullest.get("tenant"),
        operation=fullest.get("operation"),
        share=fullest.get("share_used"),
        error=headroom.get("error") or _why(failures, "limits"),
    )


def _cache(coherence: Mapping[str, Any], failures: Mapping[str, ToolFailure]) -> CachePart:
    totals = coherence.get("cache_coherence_analysis", {})
    return CachePart(
        keys=totals.get("total_cache_keys"),
        without_ttl=totals.get("keys_without_ttl"),
        complete=bool(coherence.get("coverage", {}).get("complete")),
        error=totals.get("error") or _why(failures, "coherence"),
    )


def _events(ctx: "Context", coherence: Mapping[str, Any], failures: Mapping[str, ToolFailure]) -> EventsPart:
    events = coherence.get("events", {})
    newest = seconds_of(events.get("newest"))
    return EventsPart(
        in_window=events.get("in_window"),
        covered_minutes=coherence.get("window_covered_minutes"),
        per_minute=events.get("per_minute"),
        seconds_ago=None if newest is None else round(max(0.0, ctx.clock.wall() - newest), 1),
        malformed=events.get("malformed"),
        error=events.get("error") or _why(failures, "coherence"),
    )


def _why(failures: Mapping[str, ToolFailure], name: str) -> str | None:
    if name in failures:
        return failures[name].error.message
    return None
