"""Read a bounded part of one value: its size is asked first, and never more than 64 kB is fetched.

Where the server cannot guarantee that a part is small, only the length is returned.
"""

from msgspec import Struct
from redis.exceptions import NoPermissionError

from optimus_tui.contract.cache import KeyPreview
from optimus_tui.contract.reading import Reading
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.replies import shaped
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
