"""Read type, TTL, size and idle time of cache keys, and what Redis holds about coherence. Values are never read."""

import asyncio
from collections.abc import Sequence

from msgspec import Struct
from redis.exceptions import InvalidResponse, NoPermissionError

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import KeyDetail, KeyPreview
from optimus_tui.contract.reading import Reading
from optimus_tui.dialects.feeds.messages import list_translator, subscription_of
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.keyspace import NOT_ASKED, PIPELINE_KEYS
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.parser import items_of, natural_number, raise_general, shaped, whole_number
from optimus_tui.wording.safe import safe_text

MAX_BYTES = 64 * 1024
SAMPLES = 50
"""MEMORY USAGE samples this many members, so its answer is exact for collections of at most that size."""

_LENGTH = {b"string": "STRLEN", b"list": "LLEN", b"hash": "HLEN", b"set": "SCARD", b"zset": "ZCARD", b"stream": "XLEN"}
_READ: dict[bytes, tuple[str, ...]] = {
    b"list": ("LRANGE", "{}", "0", str(SAMPLES - 1)),
    b"zset": ("ZRANGE", "{}", "0", str(SAMPLES - 1)),
    b"hash": ("HSCAN", "{}", "0", "COUNT", str(2 * SAMPLES)),
    b"set": ("SSCAN", "{}", "0", "COUNT", str(2 * SAMPLES)),
    b"stream": ("XRANGE", "{}", "-", "+", "COUNT", str(SAMPLES)),
}
_SAMPLED_FROM_THE_HEAD = (b"list", b"zset")
KEYS_A_TRIP = 100
MAX_LOG_BYTES = 8 * 1024 * 1024
EXACT_UP_TO = 5_000
"""A log of up to this many events is measured exactly; a longer one by a sample."""
MAX_CHANNELS = 1_000


class _Scanned(Struct, array_like=True):
    cursor: bytes
    members: list[bytes]


async def read_preview(redis: ObserverRedis, key: bytes) -> Reading[KeyPreview]:
    """Return at most 64 kB of the value. A key that vanished has the type "none"; an outage is the fault."""
    clock = redis.own.clock
    wall, mono = clock.wall(), clock.mono()
    try:
        preview = await _preview(redis, key)
    except OUTAGES as error:
        return Reading(value=None, taken_at=wall, taken_mono=mono, fault=fault_of(error, redis.target, redis.layout))
    return Reading(value=preview, taken_at=wall, taken_mono=mono)


async def _preview(redis: ObserverRedis, key: bytes) -> KeyPreview:
    kind = await redis.execute_command("TYPE", key)
    length = None
    if kind in _LENGTH:
        length = await redis.execute_command(_LENGTH[kind], key)
    if not isinstance(length, int):
        return _shown(key, kind, None, [], whole=kind == b"none")
    if kind == b"string":
        return _shown(key, kind, length, [await _head(redis, key, length)], whole=length <= MAX_BYTES)
    if not await _is_small(redis, key, kind, length):
        return _shown(key, kind, length, [], whole=False)
    reply = await redis.execute_command(*[key if word == "{}" else word for word in _READ[kind]])
    if kind in (b"hash", b"set"):
        reply = shaped(reply, _Scanned).members
    return _shown(key, kind, length, _flat(reply), whole=length <= SAMPLES)


async def _head(redis: ObserverRedis, key: bytes, length: int) -> bytes:
    try:
        part = await redis.execute_command("GETRANGE", key, 0, MAX_BYTES - 1)
    except NoPermissionError:
        if length > MAX_BYTES:
            raise
        part = await redis.execute_command("GET", key)
    if isinstance(part, bytes):
        return part
    return b""


async def _is_small(redis: ObserverRedis, key: bytes, kind: bytes, length: int) -> bool:
    """Return True where the part to read is known to fit, by the server's own measure."""
    if length > SAMPLES and kind not in _SAMPLED_FROM_THE_HEAD:
        return False
    size = await redis.execute_command("MEMORY", "USAGE", key, "SAMPLES", SAMPLES)
    return isinstance(size, int) and size * min(length, SAMPLES) <= MAX_BYTES * length


def _flat(reply: object) -> list[bytes]:
    """Return the members in order from nested replies: pairs, a stream's entries."""
    if isinstance(reply, list):
        return [part for item in reply for part in (_flat(item) if isinstance(item, list) else [item])]
    return []


def _shown(key: bytes, kind: object, length: int | None, parts: list[bytes], whole: bool) -> KeyPreview:
    kept, room = [], MAX_BYTES
    for part in parts:
        if not isinstance(part, bytes) or room <= 0:
            whole = whole and isinstance(part, bytes) and not part
            continue
        kept.append(part[:room])
        whole = whole and len(part) <= room
        room -= len(part)
    return KeyPreview(key=key, type=safe_text(kind, 20), length=length, parts=tuple(kept), truncated=not whole)


__all__ = ["read_details", "read_preview"]


async def read_details(redis: ObserverRedis, own: LoadMeter, clock: Clock, keys: Sequence[bytes]) -> list[KeyDetail]:
    """Return one detail for each key, in order; where a right is missing, the field is None.

    ``own`` is counted by the client.

    Raises:
        OUTAGES: (``probes.faults``) the server is away, or the type or TTL of no key may be read.
    """
    details: list[KeyDetail] = []
    for start in range(0, len(keys), KEYS_A_TRIP):
        some = keys[start : start + KEYS_A_TRIP]
        pipe = redis.pipeline()
        for key in some:
            pipe.execute_command("TYPE", key)
            pipe.execute_command("PTTL", key)
        for key in some:
            pipe.execute_command("MEMORY", "USAGE", key)
        replies = await pipe.execute(raise_on_error=False)
        mono = clock.mono()
        closer, sizes = replies[: 2 * len(some)], replies[2 * len(some) :]
        raise_general(closer, step=2)
        for key, kind, pttl, size in zip(some, closer[::2], closer[1::2], sizes, strict=True):
            details.append(_detail(key, kind, pttl, size, mono))
    return details


def _detail(key: bytes, kind: object, pttl: object, size: object, mono: float) -> KeyDetail:
    if kind == b"none" or pttl == -2:
        return KeyDetail(key=key, gone=True, taken_mono=mono)
    return KeyDetail(
        key=key,
        type=safe_text(kind, 20) if isinstance(kind, bytes) else None,
        ttl_ms=natural_number(pttl),
        immortal=pttl == -1,
        bytes_used=whole_number(size),
        taken_mono=mono,
    )


async def read_ttls(redis: ObserverRedis, names: Sequence[bytes]) -> list[int]:
    """Return milliseconds left, -1 for never, -2 for gone, -3 where it may not be read.

    Raises:
        OUTAGES: (``probes.faults``) the server is away.
    """
    pttls: list[int] = []
    for start in range(0, len(names), PIPELINE_KEYS):
        pipe = redis.pipeline()
        for name in names[start : start + PIPELINE_KEYS]:
            pipe.execute_command("PTTL", name)
        replies = await pipe.execute(raise_on_error=False)
        raise_general(replies)
        pttls += [reply if isinstance(reply, int) else NOT_ASKED for reply in replies]
    return pttls


class EventLog(Struct, frozen=True, kw_only=True):
    """Raw payloads from one or both ends of the log; ``length`` is the number of entries it holds."""

    payloads: list[bytes]
    length: int

    @property
    def whole(self) -> bool:
        """Return whether the whole log was read."""
        return len(self.payloads) >= self.length


class Channels(Struct, frozen=True, kw_only=True):
    """Channels with their number of subscribers.

    ``patterns`` counts all pattern subscriptions of the server, also those for other channels; None where the login may
    not ask for it.
    """

    subscribers: dict[bytes, int]
    patterns: int | None


class KeyLook(Struct, frozen=True):
    """The present state of one key.

    ``pttl_ms``: -2 gone, -1 never expires, None unknown. ``idle_s``: seconds since it was last read or written; None
    where the server does not record that (LFU eviction) or the login may not ask for it.
    """

    pttl_ms: int | None
    idle_s: int | None


async def read_event_log(redis: ObserverRedis, limit: int = 1000) -> list[bytes]:
    """Return up to ``limit`` payloads from the head of the list, as events of our contract."""
    reply = await redis.execute_command("LRANGE", _event_list(redis), 0, max(1, limit) - 1)
    return _as_events(redis, items_of(reply))


def _event_list(redis: ObserverRedis) -> bytes:
    return redis.layout.dialect.event_list.encode()


def _as_events(redis: ObserverRedis, items: Sequence[object]) -> list[bytes]:
    translate, payloads = list_translator(redis.layout), [item for item in items if isinstance(item, bytes)]
    if translate is None:
        return payloads
    return [translate(b"", payload, len(payload)) for payload in payloads]


async def read_event_ends(redis: ObserverRedis, limit: int = 1000) -> EventLog:
    """Return up to ``limit`` payloads from the head, and as many from the tail where the log is longer.

    The writer may append at either end. Fewer are read where they exceed ``MAX_LOG_BYTES`` on average; none where a
    single one does. A profile without an event list is not asked: its callers say that nothing is known.
    """
    name = _event_list(redis)
    if not name:
        return EventLog(payloads=[], length=0)
    length = await redis.execute_command("LLEN", name)
    if not isinstance(length, int):
        raise InvalidResponse("the length of the event list is no number")
    if length <= 0:
        return EventLog(payloads=[], length=0)
    count = min(limit, await _affordable(redis, length))
    if count < 1:
        return EventLog(payloads=[], length=length)
    payloads = await read_event_log(redis, count)
    if length > count:
        start = max(count, length - count) - length
        tail = await redis.execute_command("LRANGE", name, start, -1)
        payloads += _as_events(redis, items_of(tail))
    return EventLog(payloads=payloads, length=length)


async def _affordable(redis: ObserverRedis, length: int) -> int:
    """Return how many events may be read, given the log's size in memory."""
    samples = 0 if length <= EXACT_UP_TO else 100  # 0 means all of them
    pipe = redis.pipeline()
    pipe.execute_command("MEMORY", "USAGE", _event_list(redis), "SAMPLES", samples)
    (size,) = await pipe.execute(raise_on_error=False)
    if not isinstance(size, int) or size <= MAX_LOG_BYTES:
        return length
    return length * MAX_LOG_BYTES // size


async def read_channels(redis: ObserverRedis) -> Channels:
    """Return the subscribers to the profile's feeds. PUBSUB only counts subscriptions by pattern.

    Each node of a cluster knows its own subscribers only, replicas theirs: all of them are asked.
    """
    await redis.nodes()
    if redis.cluster_nodes is None:
        return await _channels_of_one(redis)
    asked = [_channels_of_one(redis.cluster_nodes.servers.at(place)) for place in redis.cluster_nodes.places]
    subscribers: dict[bytes, int] = {}
    patterns: int | None = 0
    for one in await asyncio.gather(*asked):
        patterns = None if patterns is None or one.patterns is None else patterns + one.patterns
        for name, count in one.subscribers.items():
            subscribers[name] = subscribers.get(name, 0) + count
    return Channels(subscribers=subscribers, patterns=patterns)


async def _channels_of_one(redis: ObserverRedis) -> Channels:
    heard: set[bytes] = set()
    for place in subscription_of(redis.layout.dialect).places:
        found = await redis.execute_command("PUBSUB", "CHANNELS", place)
        heard |= {name for name in items_of(found) if isinstance(name, bytes)}
    names = sorted(heard)[:MAX_CHANNELS]
    pipe = redis.pipeline()
    pipe.execute_command("PUBSUB", "NUMPAT")
    if names:
        pipe.execute_command("PUBSUB", "NUMSUB", *names)
    patterns, *counted = await pipe.execute(raise_on_error=False)
    subscribers: dict[bytes, int] = {}
    for reply in counted:
        if isinstance(reply, Exception):
            raise reply
        for name, count in _pairs(reply):
            subscribers[name] = count
    return Channels(subscribers=subscribers, patterns=whole_number(patterns))


def _pairs(reply: object) -> list[tuple[bytes, int]]:
    if isinstance(reply, dict):
        flat: list[object] = [part for pair in reply.items() for part in pair]
    else:
        flat = items_of(reply)
    return [
        (name, count)
        for name, count in zip(flat[::2], flat[1::2], strict=False)
        if isinstance(name, bytes) and isinstance(count, int)
    ]


async def look_at_keys(redis: ObserverRedis, names: Sequence[bytes]) -> list[KeyLook]:
    """Return TTL and idle time of each key, in order. Neither command counts as a use of the key."""
    looks: list[KeyLook] = []
    for start in range(0, len(names), KEYS_A_TRIP):
        some = names[start : start + KEYS_A_TRIP]
        pipe = redis.pipeline()
        for name in some:
            pipe.execute_command("PTTL", name)
        for name in some:
            pipe.execute_command("OBJECT", "IDLETIME", name)
        replies = await pipe.execute(raise_on_error=False)
        raise_general(replies[: len(some)])
        for pttl, idle in zip(replies[: len(some)], replies[len(some) :], strict=True):
            looks.append(KeyLook(whole_number(pttl), whole_number(idle)))
    return looks
