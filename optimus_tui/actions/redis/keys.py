"""The keys of a plan: selected among the names that a scan found, and their type, TTL and count now. Reads only."""

from collections.abc import Collection, Iterable, Sequence
from random import Random

from msgspec import Struct
from redis.exceptions import ResponseError

from optimus_tui.context import Context
from optimus_tui.contract.actions import ActionKind, ActionRequest, PlanKey, Refusal
from optimus_tui.contract.keyspace import Counter
from optimus_tui.dialects.layout import ParsedKey, own_layout
from optimus_tui.grammar.keys import CACHE_PREFIX, COHERENCE_PREFIX, LIMIT_PREFIX
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.redis.guard import ObserverRedis
from optimus_tui.probes.redis.parser import raise_general

TRIP = 100
SAMPLE = 30
COUNTER_KINDS: frozenset[ActionKind] = frozenset({"repair_counter", "reset_counters"})
MAX_NAME = 65_536
"""Bytes. A longer name is left out: it would be sent, shown and stored several times."""
MOST_WINDOW = 31_622_400
"""Seconds: one year."""


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


class Known(Struct, frozen=True):
    """Tenant names that help to parse keys with colons in them.

    Attributes:
        sure: Configured, published, or seen in a counter.
        hinted: Seen in an event, a tracking key, or a counter a while ago.
    """

    sure: frozenset[bytes] = frozenset()
    hinted: frozenset[bytes] = frozenset()


class Selection(Struct, frozen=True):
    """The result.

    Attributes:
        keys: The tenant's keys that were asked for, sorted.
        ambiguous: Keys whose owner is uncertain.
        neighbours: How many keys of others look alike.
    """

    keys: tuple[bytes, ...]
    ambiguous: tuple[bytes, ...]
    neighbours: int


def check_request(request: ActionRequest) -> Refusal | None:
    """Return why the request is refused; None where it is valid."""
    tenant = request.tenant
    if not tenant or not tenant.strip(b"*"):
        return Refusal("request", "an action needs exactly one tenant: an empty name and * are refused")
    if tenant.startswith(b":") or tenant.endswith(b":"):
        message = "a tenant that begins or ends with a colon is refused: the owner of its keys is uncertain"
        return Refusal("request", message)
    if len(tenant) > 512:
        return Refusal("request", "a tenant of more than 512 bytes is refused")
    if request.kind == "unlink_prefix" and not request.prefix and request.only is None:
        return Refusal("request", "a prefix is needed; without one, invalidate the tenant's cache")
    window = request.window_seconds
    if request.kind in ("repair_counter", "expire_no_ttl") and (window is None or not 1 <= window <= MOST_WINDOW):
        message = "the length of the window is unknown" if window is None else f"a window of {window} s is refused"
        return Refusal("window", message, f"type its seconds, 1 to {MOST_WINDOW}, or configure [limits]")
    return None


class Gathering:
    """Collects the names and the tenants that one walk over the keyspace finds for a request."""

    def __init__(self, request: ActionRequest, known: Known) -> None:
        self._request, self._tail = request, request.tenant + b":"
        self._sure, self._hinted = set(known.sure), set(known.hinted)
        self.names: set[bytes] = set()

    def add(self, names: Iterable[bytes]) -> None:
        """Add one page of names."""
        counters = self._request.kind in COUNTER_KINDS
        for name in names:
            if name.startswith(LIMIT_PREFIX):
                parsed = own_layout().parse(name)
                if parsed.tenant:
                    (self._hinted if parsed.doubt else self._sure).add(parsed.tenant)
                if counters and name.startswith(self._tail, len(LIMIT_PREFIX)):
                    self.names.add(name)
            elif name.startswith(CACHE_PREFIX):
                colon = name.find(b":", len(CACHE_PREFIX))
                if not counters and colon > 0 and name.startswith(self._tail, colon + 1):
                    self.names.add(name)
            elif name.startswith(COHERENCE_PREFIX):
                tenant = name[len(COHERENCE_PREFIX) :].rpartition(b":")[0]
                if b":" in tenant:
                    self._hinted.add(tenant)

    def selected(self) -> Selection:
        """Return the selection by the key grammar."""
        return select(self._request, self.names, Known(frozenset(self._sure), frozenset(self._hinted)))


def select(request: ActionRequest, names: Collection[bytes], known: Known) -> Selection:
    """Sort the names that were found. Every key in the result belongs to the tenant by the grammar."""
    mine, uncertain, neighbours = set[bytes](), set[bytes](), 0
    asked = frozenset({request.tenant})
    sure, claimed, hinted = known.sure, known.sure | asked, known.sure | known.hinted | asked
    for name in dict.fromkeys(names):
        parsed = own_layout().parse(name, claimed)
        if request.only is not None and name not in request.only:
            continue
        if not _asked_for(request, parsed) or len(name) > MAX_NAME:
            neighbours += parsed.tenant != request.tenant
        elif _certain(request, name, sure, hinted) or name in request.include:
            mine.add(name)
        else:
            uncertain.add(name)
    ambiguous = uncertain | (mine & request.include)
    return Selection(tuple(sorted(mine)), tuple(sorted(ambiguous)), neighbours)


def _asked_for(request: ActionRequest, parsed: ParsedKey) -> bool:
    if parsed.tenant != request.tenant or parsed.doubt:
        return False
    if request.kind in COUNTER_KINDS:
        return parsed.family == "limit" and request.operation in (None, parsed.operation)
    wanted = parsed.family == "cache" and request.cache_kind in (None, parsed.kind)
    return wanted and (request.kind != "unlink_prefix" or parsed.rest.startswith(request.prefix))


def _certain(request: ActionRequest, name: bytes, sure: Collection[bytes], hinted: Collection[bytes]) -> bool:
    """Return True if the key is this tenant's with all hinted tenants, and also with the sure ones only."""
    return all(own_layout().parse(name, tenants).tenant == request.tenant for tenants in (sure, hinted))
