"""The loop that reads type, size and TTL of the cache keys in view."""

import asyncio
from collections.abc import Sequence

from optimus_tui.context import Context
from optimus_tui.contract.keyspace import KeyDetail
from optimus_tui.index.cache import CacheIndex
from optimus_tui.sampling.staleness import (
    ASK_AGAIN_SECONDS,
    Backoff,
    SamplerState,
    bounded,
    next_try,
    outages,
    redis_fault,
)
from optimus_tui.sampling.timer import IntervalTimer

EVERY_SECONDS = 2.0
LEAST_GAP_SECONDS = 0.25
MAX_KEYS = 200
_NEVER, _GONE, _NOT_ASKED = -1, -2, -3


class DetailLoop:
    """Reads type, size and TTL of the keys that ``watch`` names."""

    def __init__(self, context: Context, sampler_state: SamplerState, timer: IntervalTimer, cache: CacheIndex) -> None:
        self.context, self.sampler_state, self.timer, self.cache = context, sampler_state, timer, cache
        self._keys: tuple[bytes, ...] = ()
        self._backoff = Backoff()

    def watch(self, keys: Sequence[bytes]) -> None:
        """Set the keys that are on the screen; new ones are read soon."""
        chosen = tuple(keys[:MAX_KEYS])
        new = set(chosen) - set(self._keys)
        self._keys = chosen
        if new and self.timer.factor:
            self.timer.wake()

    async def run(self) -> None:
        """Read every two seconds, until cancelled."""
        while True:
            if not self._keys:
                await self.timer.rest(ASK_AGAIN_SECONDS)
                continue
            delay = await self._once()
            await asyncio.sleep(LEAST_GAP_SECONDS)
            await self.timer.rest(delay - LEAST_GAP_SECONDS)

    async def _once(self) -> float:
        from optimus_tui.probes.cache_keys import read_details

        context, keys = self.context, self._keys
        try:
            details = await bounded(read_details(context.redis, context.own, context.clock, keys))
        except outages() as error:
            delay, _ = next_try(redis_fault(error, context), self._backoff)
            return delay
        self._backoff.worked()
        self.cache.put_page([one.key for one in details], [_pttl(one) for one in details], None, context.clock.mono())
        self.sampler_state.sink("details", tuple(details))
        return EVERY_SECONDS


def _pttl(detail: KeyDetail) -> int:
    if detail.gone:
        return _GONE
    if detail.immortal:
        return _NEVER
    if detail.ttl_ms is None:
        return _NOT_ASKED
    return detail.ttl_ms
