"""Read counters: one round trip for a hundred names. A bad key affects only its own row.

A value that is no number (a list, a word, 10^30) is a problem, never 0. Of a sorted set (a sliding window) only entries
inside the window count, by the server's own clock.
"""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from redis.exceptions import NoPermissionError, ResponseError

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import NO_WINDOW, Counter
from optimus_tui.grammar.keys import parse_key
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.guard import ObserverRedis
from optimus_tui.probes.redis.parser import ReplyTooLarge, is_wrong_type, natural_number, raise_general

KEYS_A_TRIP = 100
LONGEST = 1_000
"""Bytes of a value that may still be a counter, where its neighbours were too large to be read."""
NOT_A_NUMBER = "not a number"
NOT_READABLE = "not readable"
FOREIGN_NUMBER = "another limiter's number, not ours: ours counts up from 0 in whole numbers"
ZSET = "a sorted set"
LONGEST_NUMBER = 40
UNITS = (1, 10**3, 10**6, 10**9)
"""Scores a second: limiters write times in s, ms, us or ns."""
_RANGE = 3.0
"""A score within this factor of the present in some unit is a time in that unit."""
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_KINDS = {b"list": "a list", b"hash": "a hash", b"set": "a set", b"zset": ZSET, b"stream": "a stream"}
_HIGHEST = 2**63 - 1
"""Redis counts in 64 bits, so a higher value was not counted by INCR: it is text that looks like a number."""


async def read_counters(
    redis: ObserverRedis, own: LoadMeter, clock: Clock, names: Sequence[bytes], window_seconds: int | None = None
) -> list[Counter | bytes]:
    """Return a Counter for each name that exists and the bare name for each that vanished, in the order of ``names``.

    A sorted set (a sliding window) counts its members of the last ``window_seconds``; where the window is unknown
    (None) it has no count and ``problem`` says so. Other types have no count. ``own`` is counted by the client.

    Raises:
        OUTAGES: (``probes.faults``) the server is away or a right is missing for every key.
    """
    found: list[Counter | bytes] = []
    for start in range(0, len(names), KEYS_A_TRIP):
        found += await _read_some(redis, clock, names[start : start + KEYS_A_TRIP], window_seconds)
    return found


async def _read_some(
    redis: ObserverRedis, clock: Clock, names: Sequence[bytes], window_seconds: int | None
) -> list[Counter | bytes]:
    try:
        replies = await _ask(redis, names, names)
    except ReplyTooLarge:  # a value that is no counter by its size must not hide the others
        replies = await _ask(redis, names, await _short(redis, names))
    mono = clock.mono()
    raise_general(replies, step=2)
    values, pttls = replies[::2], replies[1::2]
    odd = [name for name, value in zip(names, values, strict=True) if is_wrong_type(value)]
    typed = await _by_type(redis, odd, window_seconds)
    return [
        _counter(name, typed.get(name) or _count_of(value), value is None, pttl, mono)
        for name, value, pttl in zip(names, values, pttls, strict=True)
    ]


async def _ask(redis: ObserverRedis, names: Sequence[bytes], readable: Collection[bytes]) -> list[object]:
    """Return value and TTL of each name, in turn; for one that is not ``readable`` a text that is no number."""
    pipe = redis.pipeline()
    for name in names:
        if name in readable:
            pipe.execute_command("GET", name)
        pipe.execute_command("PTTL", name)
    replies = iter(await pipe.execute(raise_on_error=False))
    return [reply for name in names for reply in (next(replies) if name in readable else b"?", next(replies))]


async def _short(redis: ObserverRedis, names: Sequence[bytes]) -> set[bytes]:
    """Return the names whose value is short enough for a number. Other types than strings count as short."""
    sizes = await _of_each(redis, "STRLEN", names)
    return {name for name, size in zip(names, sizes, strict=True) if not isinstance(size, int) or size <= LONGEST}


async def _of_each(redis: ObserverRedis, command: str, names: Sequence[bytes]) -> list[object]:
    """Return the replies (or errors) to one command for each name, in one round trip."""
    pipe = redis.pipeline()
    for name in names:
        pipe.execute_command(command, name)
    replies: list[object] = await pipe.execute(raise_on_error=False)
    return replies


def _counter(name: bytes, count: "_CountReply", gone: bool, pttl: object, mono: float) -> Counter | bytes:
    if gone or pttl == -2:
        return name
    parsed = parse_key(name)
    return Counter(
        key=name,
        tenant=parsed.tenant,
        operation=parsed.operation,
        count=count.number,
        ttl_ms=natural_number(pttl),
        immortal=pttl == -1,
        problem=count.problem,
        foreign=count.foreign,
        sliding=count.sliding,
        doubt=parsed.doubt,
        taken_mono=mono,
    )


class _CountReply(NamedTuple):
    number: int | None
    problem: str | None = None
    foreign: bool = False
    sliding: bool = False


def _count_of(value: object) -> _CountReply:
    if isinstance(value, Exception):
        return _CountReply(None, NOT_READABLE)
    if not isinstance(value, bytes):
        return _CountReply(None, NOT_A_NUMBER)
    if len(value) <= 19 and value.isdigit() and (number := int(value)) <= _HIGHEST:
        return _CountReply(number)
    if len(value) <= LONGEST_NUMBER and _NUMBER.fullmatch(value):
        shown = value.decode("ascii")
        return _CountReply(None, f"{shown if len(shown) <= 9 else shown[:8] + '…'}: {FOREIGN_NUMBER}", foreign=True)
    return _CountReply(None, NOT_A_NUMBER)


async def _by_type(
    redis: ObserverRedis, names: Sequence[bytes], window_seconds: int | None
) -> dict[bytes, _CountReply]:
    if not names:
        return {}
    kinds = await _of_each(redis, "TYPE", names)
    counts: dict[bytes, _CountReply] = {
        name: _CountReply(None, _KINDS.get(kind, "another type") if isinstance(kind, bytes) else "another type")
        for name, kind in zip(names, kinds, strict=True)
    }
    windows = [name for name, kind in zip(names, kinds, strict=True) if kind == b"zset"]
    if not windows:
        return counts
    if window_seconds is None:
        return counts | {name: _CountReply(None, NO_WINDOW, sliding=True) for name in windows}
    return counts | dict(zip(windows, await _inside(redis, windows, window_seconds), strict=True))


async def _inside(redis: ObserverRedis, names: Sequence[bytes], window_seconds: int) -> list[_CountReply]:
    """Return how many entries of each sorted set are inside the window, by the server's clock.

    The unit of the scores is detected: present times in s, ms, us and ns differ by a factor of a thousand, so each unit
    has its own range. No member is ever read.
    """
    try:
        seconds, micros = await redis.execute_command("TIME")
        now = int(seconds) + int(micros) / 1e6
    except (ResponseError, TypeError, ValueError):
        return [_CountReply(None, f"{ZSET}: TIME is not allowed", sliding=True) for _ in names]
    pipe = redis.pipeline()
    for name in names:
        pipe.execute_command("ZCARD", name)
        for unit in UNITS:
            pipe.execute_command("ZCOUNT", name, f"({(now - window_seconds) * unit:.6f}", f"{now * unit * _RANGE:.6f}")
            pipe.execute_command("ZCOUNT", name, f"{now * unit / _RANGE:.6f}", f"{now * unit * _RANGE:.6f}")
    replies = await pipe.execute(raise_on_error=False)
    each = 1 + 2 * len(UNITS)
    return [_live(replies[start : start + each]) for start in range(0, len(replies), each)]


def _live(replies: Sequence[object]) -> _CountReply:
    """Return the count from ``replies``: the size, then for each unit the entries inside the window and all times."""
    if not all(isinstance(reply, int) for reply in replies):
        denied = any(isinstance(reply, NoPermissionError) for reply in replies)
        return _CountReply(None, f"{ZSET}: ZCOUNT is not allowed" if denied else f"{ZSET}, not readable", sliding=True)
    size, live, times = replies[0], sum(replies[1::2]), sum(replies[2::2])  # type: ignore[arg-type]
    if size and not times:
        return _CountReply(None, f"{ZSET}: its scores are no times", sliding=True)
    return _CountReply(live, sliding=True)
