"""The loop that reads Redis itself, and what its cluster or its sentinels say."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.sampling.staleness import (
    Backoff,
    SamplerState,
    bounded,
    kept,
    next_try,
    outages,
    redis_fault,
)
from optimus_tui.sampling.timer import IntervalTimer


async def watch_server(
    context: Context, sampler_state: SamplerState, timer: IntervalTimer, changed: Callable[[bool], None]
) -> None:
    """Send PING and INFO at every tick. ``changed(restarted)`` is called when Redis is back or is another process."""
    asking = asyncio.ensure_future(_ask_sentinels(context, timer.wake))
    try:
        await _watch(context, sampler_state, timer, changed)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _ask_sentinels(context: Context, changed: Callable[[], None]) -> None:
    """Ask the sentinels again and again, however seldom the panes read, and report each change of their word.

    The feed leaves a primary that they do not name. After a refused login only the operator's refresh asks again.
    """
    sentinels = context.redis.sentinels
    if sentinels is None:
        return
    from optimus_tui.probes.redis.sentinels import ASK_SECONDS

    while True:
        await asyncio.sleep(ASK_SECONDS)
        before = sentinels.word
        if sentinels.login_refused:
            continue
        with suppress(*outages()):
            await bounded(sentinels.primary())
        if sentinels.word != before:
            changed()


async def _watch(
    context: Context, sampler_state: SamplerState, timer: IntervalTimer, changed: Callable[[bool], None]
) -> None:
    backoff, last = Backoff(), None
    while True:
        run_before, failed_before = sampler_state.run_id, last is not None and last.fault is not None
        reading = await _read(context, last)
        if (fault := reading.fault) is None:
            backoff.worked()
            delay, last = context.settings.refresh_seconds, reading
        else:
            delay, retry_in = next_try(fault, backoff)
            last = replace(reading, retry_in=retry_in)
        sampler_state.put_server(last)
        restarted = run_before is not None and sampler_state.run_id is not None and sampler_state.run_id != run_before
        if fault is None and (failed_before or restarted):
            changed(restarted)
        await timer.rest(delay)


async def _read(context: Context, last: Reading[ServerState] | None) -> Reading[ServerState]:
    """Return the newest reading; where it failed the last good figures with the fault.

    Behind sentinels the rows of the servers are never older than the fault: in an outage they tell who is left.
    """
    from optimus_tui.probes.server import read_behind_sentinels, read_server, with_watched

    redis, target, clock = context.redis, context.settings.redis, context.clock
    try:
        if redis.sentinels is None:
            reading = await bounded(read_server(redis, target, context.own, clock))
            if reading.value is not None or reading.fault is None:
                return reading
            return _kept(last, reading.fault, clock)
        watched = await bounded(read_behind_sentinels(redis, context.own, clock))
    except outages() as error:
        return _kept(last, redis_fault(error, context), clock)
    assert watched is not None
    reading = watched.reading
    if reading.value is None and reading.fault is not None:
        reading = _kept(last, reading.fault, clock)
    return with_watched(redis, reading, watched.sentinels, watched.nodes)


def _kept(last: Reading[ServerState] | None, fault: Fault, clock: Clock) -> Reading[ServerState]:
    """Return the last good figures with the fault, without the servers behind sentinels as they were then."""
    reading = kept(last, fault, None, clock)
    if reading.value is None or reading.value.sentinels is None:
        return reading
    return replace(reading, value=replace(reading.value, sentinels=None, nodes=()))
