"""Read type, TTL and size of cache keys. Values are never read, so that no key counts as used."""

from collections.abc import Sequence

from optimus_tui.clock import Clock
from optimus_tui.contract.cache import KeyDetail
from optimus_tui.probes.keys.keyspace import NOT_ASKED, PIPELINE_KEYS
from optimus_tui.probes.keys.preview import read_preview
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.replies import natural_number, raise_general, whole_number
from optimus_tui.wording.safe import safe_text

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
