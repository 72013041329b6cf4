"""The stand-up: several tools run at once under one deadline, compared with the last time.

The last document is in the environment's history, with the one before it, so that a second stand-up within the hour
tells the same changes as the first. All figures come from the tools.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from optimus_tui.contract.tools.common import Report
from optimus_tui.contract.tools.standup import StandupReport
from optimus_tui.tools.answer import DEADLINE_SECONDS, answer
from optimus_tui.tools.arguments import ToolFailure
from optimus_tui.tools.standup.parts import KEY, compose
from optimus_tui.verdicts.changes import compare
from optimus_tui.wording.age import seconds_of

if TYPE_CHECKING:
    from optimus_tui.context import Context

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
    """What is kept on disk: the latest stand-up, and the one that it was compared with."""

    latest: StandupReport
    before: StandupReport | None = None


async def standup(ctx: "Context") -> StandupReport:
    """Ask, compare, keep. ToolFailure where no tool had a result."""
    began = ctx.clock.mono()
    kept = await _recall(ctx)
    before = _compared_with(kept, ctx.clock.wall())
    minutes = _window(before, ctx.clock.wall())
    left = DEADLINE_SECONDS - _SPARE_SECONDS - (ctx.clock.mono() - began)
    answers, memory = await asyncio.gather(_ask_all(ctx, minutes, left), _memory(ctx))
    failures = {name: failure for name, failure in answers.items() if isinstance(failure, ToolFailure)}
    if len(failures) == len(answers):
        raise failures["health"]
    now = compose(ctx, answers, failures, minutes)
    report = compare(before, replace(now, redis=replace(now.redis, memory_bytes=memory)))
    await _keep(ctx, Meetings(report, before))
    return report


async def series(ctx: "Context", minutes: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return the window's samples for charts, by series; {} if nothing was recorded."""
    found = await asyncio.gather(*(ctx.windows.series(name, minutes) for name in _SERIES))
    return {one.name: one.samples for one in found}


async def _ask_all(ctx: "Context", minutes: int, seconds: float) -> dict[str, dict[str, Any] | ToolFailure]:
    """Each tool's document, or why there is none."""

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


async def _memory(ctx: "Context") -> int | None:
    """Of Redis, in bytes; no tool's document holds it."""
    from optimus_tui.probes.servers.server import read_server

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
    """As far as the history takes it; why it does not is the history's to say."""
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
