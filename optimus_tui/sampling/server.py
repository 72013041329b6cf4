"""The loop that reads Redis itself, and what its cluster or its sentinels say."""

from collections.abc import Callable

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.sampling.staleness import (
    Backoff,
    IntervalTimer,
    SamplerState,
    bounded,
    kept,
    next_try,
    outages,
    redis_fault,
)


async def watch_server(
    context: Context, sampler_state: SamplerState, timer: IntervalTimer, changed: Callable[[bool], None]
) -> None:
    """Send PING and INFO at every tick. ``changed(restarted)`` is called when Redis is back or is another process."""
    backoff, last = Backoff(), None
    while True:
        run_before, failed_before = sampler_state.run_id, last is not None and last.fault is not None
        reading = await _server(context)
        if (fault := reading.fault) is None:
            backoff.worked()
            delay, last = context.settings.refresh_seconds, reading
        else:
            delay, retry_in = next_try(fault, backoff)
            if reading.value is None:
                reading = await _watched(context, kept(last, fault, None, context.clock))
            last = replace(reading, retry_in=retry_in)
        sampler_state.put_server(last)
        restarted = run_before is not None and sampler_state.run_id is not None and sampler_state.run_id != run_before
        if fault is None and (failed_before or restarted):
            changed(restarted)
        await timer.rest(delay)


async def _server(context: Context) -> Reading[ServerState]:
    from optimus_tui.probes.server import read_server

    target = context.settings.redis
    try:
        return await bounded(read_server(context.redis, target, context.own, context.clock))
    except outages() as error:
        return kept(None, redis_fault(error, context), None, context.clock)


async def _watched(context: Context, reading: Reading[ServerState]) -> Reading[ServerState]:
    """Return a failed reading, behind sentinels with the servers as they are now."""
    from optimus_tui.probes.server import with_watched

    try:
        return await bounded(with_watched(context.redis, reading, context.own, context.clock))
    except outages():
        return reading
