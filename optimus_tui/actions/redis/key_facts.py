"""Type, TTL and count of a plan's keys now, and the memory of a sample. Reads only.

A key that is gone meanwhile is left out. What the login may not read stays unknown.
"""

from collections.abc import Sequence
from random import Random

from redis.exceptions import ResponseError

from optimus_tui.context import Context
from optimus_tui.contract.actions import PlanKey
from optimus_tui.contract.limits import Counter
from optimus_tui.probes.keys.limits import read_counters
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.replies import raise_general

TRIP = 100
SAMPLE = 30


async def read_facts(context: Context, keys: Sequence[bytes], *, counters: bool) -> list[PlanKey]:
    """Return the keys that exist, in order. ``counters``: read them as rate-limit counters, with their counts."""
    if counters:
        found = await read_counters(context.redis, context.own, context.clock, keys)
        return [_of_counter(one) for one in found if isinstance(one, Counter)]
    facts: list[PlanKey] = []
    for start in range(0, len(keys), TRIP):
        facts += await _read_some(context.redis, keys[start : start + TRIP])
    return facts


async def read_sample(redis: ObserverRedis, keys: Sequence[bytes]) -> tuple[int | None, int]:
    """Return the bytes of a sample and how many keys it holds; (None, 0) where MEMORY USAGE is not allowed."""
    if len(keys) > SAMPLE:
        keys = [*keys[:10], *Random(0).sample(list(keys[10:-10]), 10), *keys[-10:]]  # noqa: S311
    if not keys:
        return None, 0
    pipe = redis.pipeline()
    for key in keys:
        pipe.execute_command("MEMORY", "USAGE", key)
    sizes = [reply for reply in await pipe.execute(raise_on_error=False) if isinstance(reply, int)]
    if not sizes:
        return None, 0
    return sum(sizes), len(sizes)


async def _read_some(redis: ObserverRedis, keys: Sequence[bytes]) -> list[PlanKey]:
    pipe = redis.pipeline()
    for key in keys:
        pipe.execute_command("PTTL", key)
        pipe.execute_command("TYPE", key)
    replies = await pipe.execute(raise_on_error=False)
    raise_general(replies, step=2)
    for reply in replies[::2]:
        if isinstance(reply, ResponseError):
            raise reply  # Without the TTL it is unknown whether the key meets the condition.
    return [
        PlanKey(
            key=key,
            type=kind.decode("ascii", "replace") if isinstance(kind, bytes) else None,
            ttl_ms=pttl if pttl >= 0 else None,
            immortal=pttl == -1,
        )
        for key, pttl, kind in zip(keys, replies[::2], replies[1::2], strict=True)
        if pttl != -2
    ]


def _of_counter(counter: Counter) -> PlanKey:
    kind = "string" if counter.problem is None else counter.problem.removeprefix("a ")
    return PlanKey(key=counter.key, type=kind, ttl_ms=counter.ttl_ms, immortal=counter.immortal, count=counter.count)
