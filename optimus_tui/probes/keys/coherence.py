"""Read what Redis holds about coherence: the event log, subscribers, and the TTL and idle time of keys.

The order of events is not assumed: the newest is wherever the writer put it, and timestamps tell. Before a log is read
its size is asked, so that at most a bounded number of bytes is fetched. Raises ``probes.faults.OUTAGES``.
"""

from collections.abc import Sequence

from msgspec import Struct

from optimus_tui.grammar.keys import EVENT_LOG
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.parser import items_of, raise_general, whole_number

CHANNELS = b"cache_coherence:*"
MAX_LOG_BYTES = 8 * 1024 * 1024
EXACT_UP_TO = 5_000
"""A log of up to this many events is measured exactly; a longer one by a sample."""
MAX_CHANNELS = 1_000
KEYS_A_TRIP = 100


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
    """Return up to ``limit`` raw payloads from the head of the list."""
    reply = await redis.execute_command("LRANGE", EVENT_LOG, 0, max(1, limit) - 1)
    if isinstance(reply, list):
        return [item for item in reply if isinstance(item, bytes)]
    return []


async def read_event_ends(redis: ObserverRedis, limit: int = 1000) -> EventLog:
    """Return up to ``limit`` payloads from the head, and as many from the tail where the log is longer.

    The writer may append at either end. Fewer are read where they exceed ``MAX_LOG_BYTES`` on average; none where a
    single one does.
    """
    length = await redis.execute_command("LLEN", EVENT_LOG)
    if not isinstance(length, int) or length <= 0:
        return EventLog(payloads=[], length=0)
    count = min(limit, await _affordable(redis, length))
    if count < 1:
        return EventLog(payloads=[], length=length)
    payloads = await read_event_log(redis, count)
    if length > count:
        start = max(count, length - count) - length
        tail = await redis.execute_command("LRANGE", EVENT_LOG, start, -1)
        payloads += [item for item in items_of(tail) if isinstance(item, bytes)]
    return EventLog(payloads=payloads, length=length)


async def _affordable(redis: ObserverRedis, length: int) -> int:
    """Return how many events may be read, given the log's size in memory."""
    samples = 0 if length <= EXACT_UP_TO else 100  # 0 means all of them
    pipe = redis.pipeline()
    pipe.execute_command("MEMORY", "USAGE", EVENT_LOG, "SAMPLES", samples)
    (size,) = await pipe.execute(raise_on_error=False)
    if not isinstance(size, int) or size <= MAX_LOG_BYTES:
        return length
    return length * MAX_LOG_BYTES // size


async def read_channels(redis: ObserverRedis) -> Channels:
    """Return the subscribers to coherence events. Pattern subscriptions have no names: PUBSUB only counts them."""
    found = await redis.execute_command("PUBSUB", "CHANNELS", CHANNELS)
    names = sorted(name for name in items_of(found) if isinstance(name, bytes))[:MAX_CHANNELS]
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
