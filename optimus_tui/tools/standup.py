"""The stand-up: several tools run at once under one deadline, compared with the last time.

The last document is in the environment's history, with the one before it, so that a second stand-up within the hour
shows the same changes as the first. All figures come from the tools.

If the document of a tool is missing, the parts that come from it are unknown, with the reason.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from optimus_tui.contract.findings import SEVERITIES, Finding, overall_of, worst_first
from optimus_tui.contract.tools.common import Report
from optimus_tui.contract.tools.overnight import Overnight
from optimus_tui.contract.tools.state import (
    CachePart,
    EventsPart,
    LimitsPart,
    RedisPart,
    ServicePart,
    StandupFinding,
    StandupReport,
)
from optimus_tui.tools.answer import ToolFailure, answer
from optimus_tui.verdicts.changes import compare
from optimus_tui.wording.numbers import seconds_of, timestamp

if TYPE_CHECKING:
    from optimus_tui.context import Context


KEY = "standup"
_JUDGED = ("health", "latency", "coherence")
"""Whose findings count. The health's hold those of the limits; whoever publishes no metrics has done nothing wrong."""


def compose(
    ctx: "Context", answers: Mapping[str, Any], failures: Mapping[str, ToolFailure], minutes: int
) -> StandupReport:
    """Return the stand-up as of now, without the changes."""
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
        aliases=documents["health"].get("aliases") or msgspec.UNSET,
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
    """Return each finding once, however many tools found it: the worst first, each effect below its cause."""
    found: dict[tuple[str, str], Finding] = {}
    for name in _JUDGED:
        listed = documents[name].get("diagnostics", ())
        subjects = {one["rule"]: one.get("subject", "") for one in reversed(listed)}
        for one in listed:
            severity, cause = one["level"], one.get("caused_by", "")
            new = Finding(
                rule=one["rule"],
                severity=severity,
                subject=one.get("subject", ""),
                message=one["message"],
                caused_by=(cause, subjects[cause]) if cause in subjects else None,
            )
            old = found.setdefault((new.rule, new.subject), new)
            if SEVERITIES.index(severity) > SEVERITIES.index(old.severity):
                found[new.rule, new.subject] = replace(old, severity=severity)
    return tuple(
        StandupFinding(severity=one.severity, message=one.message, rule=one.rule, subject=one.subject)
        for one in worst_first(found.values())
    )


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


SAME_MEETING_SECONDS = 3600.0
FIRST_MINUTES, LEAST_MINUTES, MOST_MINUTES = 60, 15, 1440
_RECALL_SECONDS, _SPARE_SECONDS, _MEMORY_SECONDS = 1.0, 0.5, 4.0
_ASK: dict[str, tuple[str, dict[str, Any]]] = {
    "health": ("diagnose_gateway_health", {}),
    "latency": ("analyze_performance_metrics", {"metric_type": "latency"}),
    "limits": ("analyze_performance_metrics", {"metric_type": "rate_limiting_efficiency"}),
    "coherence": ("analyze_cache_coherence", {}),
}
_SERIES = (
    "latency.gateway", "latency.engine", "latency.redis", "hit_rate.gateway", "cache.keys", "limits.counters",
    "events.rate", "redis.memory",
)  # fmt: skip


class Meetings(msgspec.Struct, frozen=True):
    """The stored stand-ups: the latest one, and the one that it was compared with."""

    latest: StandupReport
    before: StandupReport | None = None


async def standup(ctx: "Context") -> StandupReport:
    """Run the tools, compare with the last stand-up, and store the result. ToolFailure if no tool had a result."""
    began = ctx.clock.mono()
    kept = await _recall(ctx)
    before = _compared_with(kept, ctx.clock.wall())
    minutes = _window(before, ctx.clock.wall())
    left = ctx.tuning.tool_seconds - _SPARE_SECONDS - (ctx.clock.mono() - began)
    answers, memory, night = await asyncio.gather(
        _ask_all(ctx, minutes, left), _memory(ctx), _overnight(ctx, before, minutes, left)
    )
    failures = {name: failure for name, failure in answers.items() if isinstance(failure, ToolFailure)}
    if len(failures) == len(answers):
        raise failures["health"]
    now = compose(ctx, answers, failures, minutes)
    report = compare(before, replace(now, redis=replace(now.redis, memory_bytes=memory), overnight=night))
    await _keep(ctx, Meetings(report, before))
    return report


async def series(ctx: "Context", minutes: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return the window's samples for charts, by series; {} if nothing was recorded."""
    found = await asyncio.gather(*(ctx.windows.series(name, minutes) for name in _SERIES))
    return {one.name: one.samples for one in found}


async def _ask_all(ctx: "Context", minutes: int, seconds: float) -> dict[str, dict[str, Any] | ToolFailure]:
    """Return each tool's document, or why there is none."""

    async def ask(tool: str, arguments: dict[str, Any]) -> Report:
        window = {}
        if tool != "diagnose_gateway_health":
            window = {"time_window_minutes": minutes}
        return await answer(ctx, tool, {**arguments, **window})

    tasks = {name: asyncio.create_task(ask(*what), name=name) for name, what in _ASK.items()}
    try:
        await asyncio.wait(tasks.values(), timeout=max(0.0, seconds))
        return {name: _outcome(tasks[name], _ASK[name][0]) for name in tasks}
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values(), timeout=_SPARE_SECONDS)


async def _overnight(ctx: "Context", before: StandupReport | None, minutes: int, seconds: float) -> Overnight | None:
    """Return what was recorded since the last stand-up, as far back as the history reaches; None if it hangs."""
    from optimus_tui.tools.figures.overnight import overnight

    end = ctx.clock.wall()
    begin = seconds_of(before.timestamp) if before else None
    begin = end - minutes * 60 if begin is None else max(begin, end - MOST_MINUTES * 60)
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await overnight(ctx, begin, end)
    except TimeoutError:
        return None


async def _memory(ctx: "Context") -> int | None:
    """Return the memory of Redis in bytes; no tool's document holds it."""
    from optimus_tui.probes.server import read_server

    try:
        async with asyncio.timeout(_MEMORY_SECONDS):
            server = await read_server(ctx.redis, ctx.settings.redis, ctx.own, ctx.clock)
    except TimeoutError:
        return None
    if server.value:
        return server.value.memory_used
    return None


def _outcome(task: "asyncio.Task[Report]", tool: str) -> dict[str, Any] | ToolFailure:
    from optimus_tui.contract.tools.common import ToolError

    if not task.done():
        return ToolFailure(ToolError(code="deadline", message=f"{tool} had no result in time; try again"), 3)
    error = task.exception()
    if isinstance(error, ToolFailure):
        return error
    document: dict[str, Any] = msgspec.to_builtins(task.result())
    return document


# -- the last one


async def _recall(ctx: "Context") -> Meetings | None:
    try:
        async with asyncio.timeout(_RECALL_SECONDS):
            raw = await ctx.store.recall(KEY)
    except TimeoutError:
        return None
    try:
        if raw:
            return msgspec.json.decode(raw, type=Meetings)
        return None
    except msgspec.DecodeError:  # an older or a newer version wrote it: as if there were none
        return None


async def _keep(ctx: "Context", meetings: Meetings) -> None:
    """Keep the report in the history. If the history cannot take it, its own fault says why."""
    try:
        async with asyncio.timeout(_RECALL_SECONDS):
            await ctx.store.remember(KEY, msgspec.json.encode(meetings))
    except TimeoutError:
        pass


def _compared_with(kept: Meetings | None, wall: float) -> StandupReport | None:
    if kept is None:
        return None
    last = seconds_of(kept.latest.timestamp)
    same_meeting = last is not None and abs(wall - last) < SAME_MEETING_SECONDS
    if same_meeting:
        return kept.before
    return kept.latest


def _window(before: StandupReport | None, wall: float) -> int:
    last = None
    if before:
        last = seconds_of(before.timestamp)
    if last is None:
        return FIRST_MINUTES
    return round(min(MOST_MINUTES, max(LEAST_MINUTES, (wall - last) / 60)))
