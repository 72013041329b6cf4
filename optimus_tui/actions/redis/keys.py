"""The keys of a plan: chosen from the names that a scan found, with their type, TTL and count. Nothing is changed."""

import math
from collections.abc import Collection, Iterable, Sequence
from random import Random

from msgspec import Struct, structs

from optimus_tui.context import Context
from optimus_tui.contract.actions import ActionKind, ActionRequest, Plan, PlanKey, Refusal
from optimus_tui.contract.keyspace import ALL_TENANTS, Counter, LimitRules
from optimus_tui.dialects.layout import KeyLayout, ParsedKey
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.parser import raise_general
from optimus_tui.wording.safe import safe_text

TRIP = 100
SAMPLE = 30
COUNTER_KINDS: frozenset[ActionKind] = frozenset({"repair_counter", "reset_counters"})
MAX_NAME = 65_536
"""Bytes. A longer name is left out: it would be sent, shown and stored several times."""
SETS_TTL: frozenset[ActionKind] = frozenset({"repair_counter", "expire_no_ttl"})
MOST_WINDOW = 31_622_400
"""Seconds: one year."""
_WINDOW_REMEDY = f"type its seconds, 1 to {MOST_WINDOW}, or configure [limits]"


async def read_facts(context: Context, keys: Sequence[bytes]) -> list[PlanKey]:
    """Return type and TTL of these keys, in order; keys that do not exist are left out."""
    facts: list[PlanKey] = []
    for start in range(0, len(keys), TRIP):
        facts += await _read_some(context.redis, keys[start : start + TRIP])
    return facts


async def read_sample(redis: ObserverRedis, keys: Sequence[bytes]) -> tuple[int | None, int]:
    """Return the bytes of a sample of the keys, and its size in keys; (None, 0) if MEMORY USAGE is not allowed."""
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
        if isinstance(reply, Exception):
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


async def read_counter_facts(
    context: Context, keys: Sequence[bytes], rules: LimitRules | None, *, whole: bool
) -> list[PlanKey]:
    """Return count and TTL of these counters, in order, without those whose window has ended.

    Args:
        context: The clients, the clock and the layout.
        keys: The names of counters.
        rules: The limits in force, for windows that the names do not say; None for none.
        whole: Also return, after each counter, the other keys that belong to it, if they exist.
    """
    read = await read_counters(context.redis, context.own, context.clock, keys, rules)
    counters = {one.key: one for one in read if isinstance(one, Counter)}
    parts = _parts_of(context.layout, counters) if whole else {key: [] for key in counters}
    names = [*parts, *(one for others in parts.values() for one in others)]
    facts = {fact.key: fact for fact in await read_facts(context, names)}
    found = [name for key, others in parts.items() if key in facts for name in (key, *others) if name in facts]
    return [_fact(context.layout, facts[name], counters.get(name), rules) for name in found]


def _parts_of(layout: KeyLayout, counters: Collection[bytes]) -> dict[bytes, list[bytes]]:
    """Return for each counter the other keys that hold it. What several share comes behind the last of them.

    So a limiter that looks at such a key first never finds it without its counters, which it would then not count.
    """
    owner: dict[bytes, bytes] = {}
    for key in counters:
        name = layout.counter(key)
        for one in () if name is None else name.belongings(key):
            if one not in counters:
                owner.pop(one, None)
                owner[one] = key
    parts: dict[bytes, list[bytes]] = {key: [] for key in counters}
    for one, key in owner.items():
        parts[key].append(one)
    return parts


def _fact(layout: KeyLayout, fact: PlanKey, counter: Counter | None, rules: LimitRules | None) -> PlanKey:
    """Return what is known of a key of a plan; without a counter it belongs to the one before it."""
    if counter is None:
        return structs.replace(fact, immortal=False, part=True)
    return structs.replace(
        fact,
        ttl_ms=counter.ttl_ms,
        immortal=counter.immortal,
        count=counter.count,
        window_seconds=_ttl_to_set(layout, counter, rules),
    )


def _ttl_to_set(layout: KeyLayout, counter: Counter, rules: LimitRules | None) -> int | None:
    """Return the TTL that a counter without one gets: its window, twice that where its limiter keeps it for two."""
    seconds = counter.window_seconds
    if seconds is None and rules is not None:
        seconds = rules.window_for(counter.operation.decode("utf-8", "surrogateescape"))
    if seconds is None:
        return None
    name = layout.counter(counter.key)
    return math.ceil(seconds) * (1 + (name is not None and name.rule.resets == "ttl-window"))


class Known(Struct, frozen=True):
    """Tenant names that help to parse keys with colons in them.

    Attributes:
        sure: Configured, published, or seen in a counter.
        hinted: Seen in an event, a tracking key, or a counter a while ago.
    """

    sure: frozenset[bytes] = frozenset()
    hinted: frozenset[bytes] = frozenset()


class Selection(Struct, frozen=True):
    """The keys that were chosen for a request.

    Attributes:
        keys: The tenant's keys that were asked for, sorted.
        ambiguous: Keys of which it is unclear whose they are.
        neighbours: How many keys of other tenants have similar names.
        beside: Counters that were found and are not in ``keys``.
    """

    keys: tuple[bytes, ...]
    ambiguous: tuple[bytes, ...]
    neighbours: int
    beside: tuple[bytes, ...] = ()

    def sharing(self, facts: Iterable[PlanKey], layout: KeyLayout) -> int:
        """Return how many counters outside of the plan share a key that the plan removes."""
        parts = {fact.key for fact in facts if fact.part}
        named = [(name, layout.counter(name)) for name in self.beside if parts]
        return sum(one is not None and not parts.isdisjoint(one.belongings(name)) for name, one in named)


def check_request(request: ActionRequest) -> Refusal | None:
    """Return why the request is refused, or None. A missing window is not refused here: the key may tell it."""
    tenant = request.tenant
    if not tenant or not tenant.strip(b"*"):
        return Refusal("request", "an action needs exactly one tenant: an empty name and * are refused")
    if tenant == ALL_TENANTS.encode():
        return Refusal("request", "an action needs exactly one tenant: these counters are of all tenants together")
    if tenant.startswith(b":") or tenant.endswith(b":"):
        message = "a tenant that begins or ends with a colon is refused: the owner of its keys is uncertain"
        return Refusal("request", message)
    if len(tenant) > 512:
        return Refusal("request", "a tenant of more than 512 bytes is refused")
    if request.kind == "unlink_prefix" and not request.prefix and request.only is None:
        return Refusal("request", "a prefix is needed; without one, invalidate the tenant's cache")
    window = request.window_seconds
    if request.kind in SETS_TTL and window is not None and not 1 <= window <= MOST_WINDOW:
        return Refusal("window", f"a window of {window} s is refused", _WINDOW_REMEDY)
    return None


def check_windows(request: ActionRequest, keys: Iterable[PlanKey]) -> Refusal | None:
    """Return the refusal if a TTL is to be set on a key whose window is not known; else None."""
    if request.kind not in SETS_TTL or request.window_seconds is not None:
        return None
    for key in keys:
        if key.window_seconds is None or not 1 <= key.window_seconds <= MOST_WINDOW:
            message = f"the length of the window is unknown: {safe_text(key.key, 80)}"
            return Refusal("window", message, _WINDOW_REMEDY)
    return None


class Gathering:
    """Collects the names and the tenants for a request during one scan of all keys.

    Args:
        request: What to do, and for which tenant.
        known: Tenants that are known from elsewhere.
        layout: How names are read.
    """

    def __init__(self, request: ActionRequest, known: Known, layout: KeyLayout) -> None:
        self._request, self._layout = request, layout
        self._asked, self._longer = frozenset({request.tenant}), request.tenant + b":"
        self._unnamed = layout.names_no_tenant
        self._sure, self._hinted = set(known.sure), set(known.hinted)
        self.names: set[bytes] = set()

    def add(self, names: Iterable[bytes]) -> None:
        """Add one page of names."""
        layout, tenant, counters = self._layout, self._request.tenant, self._request.kind in COUNTER_KINDS
        for name in names:
            if layout.may_count(name) and (parsed := layout.parse(name)).family == "limit":
                self._add_counter(name, parsed, wanted=counters)
            elif name.startswith(layout.tracking_heads):
                tracked = layout.parse(name)
                owner = tracked.tenant or tracked.rest.rpartition(b":")[0]
                if tracked.family == "coherence" and b":" in owner:
                    self._hinted.add(owner)
            elif not counters and (tenant in name or self._unnamed) and self._is_cached_of(name, tenant):
                self.names.add(name)

    def _is_cached_of(self, name: bytes, tenant: bytes) -> bool:
        layout = self._layout
        return name.startswith(layout.cache_heads) and layout.parse(name, self._asked).tenant == tenant

    def _add_counter(self, name: bytes, parsed: ParsedKey, *, wanted: bool) -> None:
        if parsed.tenant:
            (self._hinted if parsed.doubt else self._sure).add(parsed.tenant)
        if wanted and (parsed.tenant == self._request.tenant or parsed.tenant.startswith(self._longer)):
            self.names.add(name)

    def selected(self) -> Selection:
        """Return the keys that were chosen, by the rules of the layout."""
        known = Known(frozenset(self._sure), frozenset(self._hinted))
        found = select(self._request, self.names, known, self._layout)
        if self._request.kind not in COUNTER_KINDS:
            return found
        return structs.replace(found, beside=tuple(self.names.difference(found.keys)))


def select(request: ActionRequest, names: Collection[bytes], known: Known, layout: KeyLayout) -> Selection:
    """Choose from the names that were found.

    Every key in the result belongs to the tenant by the rules of the layout.
    """
    mine, uncertain, neighbours = set[bytes](), set[bytes](), 0
    asked = frozenset({request.tenant})
    sure, claimed, hinted = known.sure, known.sure | asked, known.sure | known.hinted | asked
    for name in dict.fromkeys(names):
        parsed = layout.parse(name, claimed)
        if request.only is not None and name not in request.only:
            continue
        if not _asked_for(request, name, parsed, layout) or len(name) > MAX_NAME:
            neighbours += parsed.tenant != request.tenant
        elif all(layout.parse(name, one).tenant == request.tenant for one in (sure, hinted)) or name in request.include:
            mine.add(name)
        else:
            uncertain.add(name)
    ambiguous = uncertain | (mine & request.include)
    return Selection(tuple(sorted(mine)), tuple(sorted(ambiguous)), neighbours)


def _asked_for(request: ActionRequest, name: bytes, parsed: ParsedKey, layout: KeyLayout) -> bool:
    if parsed.tenant != request.tenant or parsed.doubt:
        return False
    if request.kind in COUNTER_KINDS:
        if parsed.family != "limit" or request.operation not in (None, parsed.operation):
            return False
        return request.kind != "repair_counter" or layout.may_get_stuck(name)
    wanted = parsed.family == "cache" and request.cache_kind in (None, parsed.kind)
    return wanted and (request.kind != "unlink_prefix" or parsed.rest.startswith(request.prefix))


def count_foreign(plan: Plan, layout: KeyLayout) -> int:
    """Return how many of the plan's keys belong to another tenant, by the rules of the layout alone. It must be 0."""
    request = plan.request
    family, asked = "limit" if request.kind in COUNTER_KINDS else "cache", frozenset({request.tenant})
    strange, allowed = 0, set[bytes]()
    for fact in plan.keys:
        parsed = layout.parse(fact.key, asked)
        if fact.part:
            strange += fact.key not in allowed or parsed.tenant not in (b"", request.tenant)
            continue
        strange += parsed.family != family or parsed.tenant != request.tenant or bool(parsed.doubt)
        if family == "limit" and (name := layout.counter(fact.key)) is not None:
            allowed.update(name.belongings(fact.key))
    return strange
