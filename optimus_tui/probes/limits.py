"""Counters as they are: one trip for a hundred names, one bad key costs its own row and no other.

It refuses to turn what is no number into one: a list, a word or 10^30 becomes a problem, never 0.
"""

from collections.abc import Sequence

from optimus_tui.clock import Clock
from optimus_tui.contract.limits import Counter
from optimus_tui.grammar.keys import parse_key
from optimus_tui.probes.client import ObserverRedis
from optimus_tui.probes.own import OwnLoad
from optimus_tui.probes.replies import is_wrong_type, raise_general

KEYS_A_TRIP = 100
NOT_A_NUMBER = "not a number"
NOT_READABLE = "not readable"
_KINDS = {b"list": "a list", b"hash": "a hash", b"set": "a set", b"zset": "a sorted set", b"stream": "a stream"}
_HIGHEST = 2**63 - 1
"""Redis counts in 64 bits: INCR can never have made anything higher, so such a value is text that looks like one."""


async def read_counters(
    redis: ObserverRedis, own: OwnLoad, clock: Clock, names: Sequence[bytes]
) -> list[Counter | bytes]:
    """A Counter for each name that exists, the bare name for each that vanished, in the order of ``names``.

    A sorted set (a sliding window) counts its members and says so in ``problem``; other types have no count. Raises
    what ``probes.faults.OUTAGES`` lists when the server is away or a right is missing for every key. ``own`` is counted
    by the client.
    """
    found: list[Counter | bytes] = []
    for start in range(0, len(names), KEYS_A_TRIP):
        found += await _read_some(redis, clock, names[start : start + KEYS_A_TRIP])
    return found


async def _read_some(redis: ObserverRedis, clock: Clock, names: Sequence[bytes]) -> list[Counter | bytes]:
    pipe = redis.pipeline()
    for name in names:
        pipe.execute_command("GET", name)
        pipe.execute_command("PTTL", name)
    replies = await pipe.execute(raise_on_error=False)
    mono = clock.mono()
    raise_general(replies, step=2)
    values, pttls = replies[::2], replies[1::2]
    typed = await _by_type(redis, [name for name, value in zip(names, values, strict=True) if is_wrong_type(value)])
    return [
        _counter(name, typed.get(name) or _count_of(value), value is None, pttl, mono)
        for name, value, pttl in zip(names, values, pttls, strict=True)
    ]


def _counter(name: bytes, count: "_Count", gone: bool, pttl: object, mono: float) -> Counter | bytes:
    if gone or pttl == -2:
        return name
    parsed = parse_key(name)
    return Counter(
        key=name,
        tenant=parsed.tenant,
        operation=parsed.operation,
        count=count[0],
        ttl_ms=pttl if isinstance(pttl, int) and pttl >= 0 else None,
        immortal=pttl == -1,
        problem=count[1],
        taken_mono=mono,
    )


_Count = tuple[int | None, str | None]


def _count_of(value: object) -> _Count:
    if isinstance(value, Exception):
        return None, NOT_READABLE
    if not isinstance(value, bytes) or len(value) > 19 or not value.isdigit():
        return None, NOT_A_NUMBER
    number = int(value)
    return (number, None) if number <= _HIGHEST else (None, NOT_A_NUMBER)


async def _by_type(redis: ObserverRedis, names: Sequence[bytes]) -> dict[bytes, _Count]:
    if not names:
        return {}
    pipe = redis.pipeline()
    for name in names:
        pipe.execute_command("TYPE", name)
    kinds = await pipe.execute(raise_on_error=False)
    counts: dict[bytes, _Count] = {
        name: (None, _KINDS.get(kind, "another type") if isinstance(kind, bytes) else "another type")
        for name, kind in zip(names, kinds, strict=True)
    }
    windows = [name for name, kind in zip(names, kinds, strict=True) if kind == b"zset"]
    if windows:
        pipe = redis.pipeline()
        for name in windows:
            pipe.execute_command("ZCARD", name)
        for name, size in zip(windows, await pipe.execute(raise_on_error=False), strict=True):
            counts[name] = (size if isinstance(size, int) else None, _KINDS[b"zset"])
    return counts
