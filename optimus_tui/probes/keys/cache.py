"""Read type, TTL and size of cache keys. Values are never read, so that no key counts as used.

Read a bounded part of one value: its size is asked first, and never more than 64 kB is fetched.

Where the server cannot guarantee that a part is small, only the length is returned.
"""

from collections.abc import Sequence

from msgspec import Struct
from redis.exceptions import NoPermissionError

from optimus_tui.clock import Clock
from optimus_tui.contract.cache import KeyDetail, KeyPreview
from optimus_tui.contract.reading import Reading
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.keys.keyspace import NOT_ASKED, PIPELINE_KEYS
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.parser import natural_number, raise_general, shaped, whole_number
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
        return Reading(value=None, taken_at=wall, taken_mono=mono, fault=fault_of(error, redis.target))
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

KEYS_A_TRIP = 100


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
