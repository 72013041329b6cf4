"""The actions on keys: repair or reset counters, expire or unlink cache keys, invalidate a tenant.

Each action is a ``Recipe``; ``RECIPES`` is the table of all by kind, and a new action belongs there.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
from redis.crc import key_slot

from optimus_tui.actions.redis.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.actions.redis.recipe import REDIRECTED, Halted, Recipe, of_unlink, raise_refused, send_each
from optimus_tui.contract.actions import CACHE_TTL_SECONDS, ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.dialects.feeds.messages import tenant_channels
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.probes.redis.commands import Word
from optimus_tui.wording.numbers import agreeing, plural, ttl
from optimus_tui.wording.safe import safe_text

Write = Callable[[bytes], Sequence[Word]]
MAX_EVENT = 4096
"""Bytes of an event; a longer one is sent without its patterns."""


async def touch_by_slot(
    connection: OperatorConnection, plan: Plan, keys: Sequence[bytes], write: Write
) -> list[Outcome]:
    """Touch keys without a TTL; on a cluster slot by slot, since a transaction holds keys of one slot only."""
    if not plan.where.nodes:
        return await touch_without_ttl(connection, keys, write)
    found: dict[bytes, Outcome] = dict.fromkeys(keys, "left")
    slots: dict[int, list[bytes]] = {}
    for key in keys:
        slots.setdefault(key_slot(key), []).append(key)
    for some in slots.values():
        try:
            found.update(zip(some, await touch_without_ttl(connection, some, write), strict=True))
        except Halted as halted:
            found.update(zip(some, halted.outcomes, strict=True))
            raise Halted([found[key] for key in keys], halted.why) from None
    return [found[key] for key in keys]


async def touch_without_ttl(connection: OperatorConnection, keys: Sequence[bytes], write: Write) -> list[Outcome]:
    """Send a command for each key that has no TTL at that moment: WATCH, PTTL, MULTI, the command, EXEC.

    If a key changes in between, the server refuses the whole batch; each key is then tried once by itself. A key is
    never tried a third time: one that changes twice within a millisecond is in use.

    Args:
        connection: The operator's connection.
        keys: The keys of one batch.
        write: Returns the command for a key; its reply 1 means that it took effect.
    """
    together = await _attempt(connection, keys, write)
    if together is not None:
        return together
    outcomes: list[Outcome] = []
    for key in keys:
        try:
            alone = await _attempt(connection, [key], write)
        except Halted as halted:
            left: list[Outcome] = ["left"] * (len(keys) - len(outcomes) - 1)
            raise Halted([*outcomes, *halted.outcomes, *left], halted.why) from None
        outcomes.append(alone[0] if alone else "changed")
    return outcomes


async def _attempt(connection: OperatorConnection, keys: Sequence[bytes], write: Write) -> list[Outcome] | None:
    """Return the outcomes; None if a key changed under WATCH, in which case nothing was done."""
    outcomes = await _look(connection, keys)
    meant = [index for index, outcome in enumerate(outcomes) if outcome == "left"]
    if not meant:
        await _quietly(connection, ("UNWATCH",), outcomes)
        return outcomes
    commands = [("MULTI",), *(write(keys[index]) for index in meant), ("EXEC",)]
    try:
        replies = await connection.together(commands)
    except ConnectionLost as lost:
        for index in meant:
            outcomes[index] = "unknown" if lost.sent else "left"
        raise Halted(outcomes, lost.fault.message) from None
    done = replies[-1]
    if done is None:
        return None
    if any(isinstance(reply, REDIRECTED) for reply in replies):  # EXEC then answers EXECABORT: none was carried out
        for index in meant:
            outcomes[index] = "not executed"
        raise_refused(replies[:-1], outcomes)
        return outcomes
    raise_refused(replies, outcomes)
    for index, reply in zip(meant, done, strict=True):
        outcomes[index] = "left" if isinstance(reply, Exception) else of_unlink(reply)
    raise_refused(done, outcomes)
    return outcomes


async def _look(connection: OperatorConnection, keys: Sequence[bytes]) -> list[Outcome]:
    """Watch the keys and return an outcome for each; "left" means that it still has to be changed."""
    waiting: list[Outcome] = ["left"] * len(keys)
    watched, *pttls = await _quietly(connection, ("WATCH", *keys), waiting, *(("PTTL", key) for key in keys))
    if any(isinstance(reply, REDIRECTED) for reply in (watched, *pttls)):
        elsewhere: list[Outcome] = ["not executed"] * len(keys)
        await _quietly(connection, ("UNWATCH",), elsewhere)
        raise_refused([watched, *pttls], elsewhere)
        return elsewhere
    raise_refused([watched, *pttls], waiting)
    outcome_of: dict[object, Outcome] = {-1: "left", -2: "already gone"}
    return [outcome_of.get(pttl, "changed") for pttl in pttls]


async def _quietly(
    connection: OperatorConnection, first: Sequence[Word], outcomes: Sequence[Outcome], *more: Sequence[Word]
) -> list[object]:
    """Send commands that change nothing. If they are lost, nothing was done."""
    try:
        return await connection.together([first, *more])
    except ConnectionLost as lost:
        raise Halted(outcomes, lost.fault.message) from None


class _SetsTtl(Recipe):
    """An action that gives a TTL to each key that has none."""

    commands: ClassVar[frozenset[str]] = frozenset({"EXPIRE"})
    without_ttl = True

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Set the window as the TTL of each key that has none."""
        usual, own = plan.request.window_seconds, {fact.key: fact.window_seconds for fact in plan.keys}
        seconds = [usual or own[key] or 0 for key in keys]
        return await end_each(connection, plan, keys, seconds)


class _UnlinksAnswers(Recipe):
    """An action that unlinks cache keys, whatever their TTL."""

    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK"})

    def effect(self, plan: Plan) -> str:
        """Return how many answers will be fetched again."""
        return _cold_cache(plan)

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Offer to unlink only the keys without a TTL, where there are some of each."""
        immortal = sum(key.immortal for key in plan.keys)
        if not 0 < immortal < plan.count:
            return None
        request = plan.request
        only = ActionRequest(
            kind="unlink_no_ttl", tenant=request.tenant, cache_kind=request.cache_kind, only=request.only
        )
        return only, f"unlink only keys without a TTL ({immortal:,} of these): the others expire by themselves"

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Unlink the keys."""
        return await _unlink_each(connection, keys)


class RepairCounter(_SetsTtl):
    """Set a TTL on each counter that has none (EXPIRE)."""

    kind: ClassVar[ActionKind] = "repair_counter"
    title = "Repair a counter that never resets"
    verb = "Repair"
    condition = "a counter of the tenant without a TTL"
    undo = "The TTL cannot be taken back from here."

    def effect(self, plan: Plan) -> str:
        """Return when the counters will end, and that a used-up limit goes on refusing until then."""
        tenant, window = safe_text(plan.request.tenant, 60), plan.request.window_seconds
        windows = [window] if window else sorted({fact.window_seconds or 0 for fact in plan.keys})
        when = f"in {ttl(windows[0])}"
        if len(windows) > 1:
            when = f"each after its own window, in {ttl(windows[0])} to {ttl(windows[-1])}"
        ends = agreeing(plan.count, "ends", "end")
        full = agreeing(plan.count, "If it is full, it refuses", "Those that are full refuse")
        return (
            f"{plural(plan.count, 'counter')} of {tenant} {ends} {when}; requests after that count from 0. "
            f"{full} until then: the count stays."
        )


class ResetCounters(Recipe):
    """Remove counters (UNLINK), so that their limits start again at 0."""

    kind: ClassVar[ActionKind] = "reset_counters"
    title = "Reset a tenant's counters"
    verb = "Reset"
    condition = "a counter of the tenant"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK"})

    def effect(self, plan: Plan) -> str:
        """Return which limits start again at 0, and which keys go with them."""
        parts, said = sum(fact.part for fact in plan.keys), self._started_again(plan)
        if any(fact.immortal for fact in plan.keys):
            said += " The gateway makes a new counter and sets its TTL; if it forgets that again, the finding returns."
        if parts:
            said += f" {plural(parts, 'related key')} of the limiter will be deleted, too."
        if plan.sharing:
            shared = plural(plan.sharing, "other counter")
            said += f" {shared} of {safe_text(plan.request.tenant, 60)} may start again with that."
        return said

    def _started_again(self, plan: Plan) -> str:
        who, operation = safe_text(plan.request.tenant, 60), plan.request.operation
        if operation is not None:
            return f"{who}'s limit for {safe_text(operation, 60)} starts again at 0."
        if plan.request.only is not None:
            count = sum(not fact.part for fact in plan.keys)
            starts = agreeing(count, "starts", "start")
            return f"{plural(count, 'marked limit')} of {who} {starts} again at 0."
        return f"{who}'s limits start again at 0."

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Offer to set a TTL on the counters without one, which keeps the counts."""
        immortal = sum(key.immortal for key in plan.keys)
        if not immortal:
            return None
        request = plan.request
        repair = ActionRequest(
            kind="repair_counter",
            tenant=request.tenant,
            operation=request.operation,
            only=request.only,
        )
        return repair, f"set a TTL on the {plural(immortal, 'counter')} without one (keeps the count)"

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Unlink the counters."""
        return await _unlink_each(connection, keys)


class UnlinkNoTtl(Recipe):
    """Remove each cache key that has no TTL (UNLINK inside a transaction that checks the TTL)."""

    kind: ClassVar[ActionKind] = "unlink_no_ttl"
    title = "Unlink cache keys without a TTL"
    verb = "Unlink"
    condition = "a cache key of the tenant without a TTL"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK"})
    without_ttl = True
    watched = True

    def effect(self, plan: Plan) -> str:
        """Return how many cached answers will have to be fetched again."""
        return _cold_cache(plan)

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Offer to give the keys a TTL instead."""
        request = plan.request
        ending = ActionRequest(
            kind="expire_no_ttl",
            tenant=request.tenant,
            cache_kind=request.cache_kind,
            window_seconds=CACHE_TTL_SECONDS,
            include=request.include,
            only=request.only,
        )
        return ending, f"give them a TTL of {ttl(CACHE_TTL_SECONDS)} instead (nothing goes cold at once)"

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Unlink the keys that still have no TTL."""
        return await touch_by_slot(connection, plan, keys, lambda key: ("UNLINK", key))


class ExpireNoTtl(_SetsTtl):
    """Set a TTL on each cache key that has none (EXPIRE)."""

    kind: ClassVar[ActionKind] = "expire_no_ttl"
    title = "Give cache keys without a TTL one"
    verb = "Set TTL"
    condition = "a cache key of the tenant without a TTL"
    undo = "The answers are kept; the TTL cannot be taken back from here."

    def effect(self, plan: Plan) -> str:
        """Return for how long the cached answers will still be served."""
        window, tenant = plan.request.window_seconds or 0, safe_text(plan.request.tenant, 60)
        return f"{plural(plan.count, 'answer')} of {tenant}: served for another {ttl(window)}, then fetched again."


class UnlinkPrefix(_UnlinksAnswers):
    """Remove the cache keys that begin with a prefix, or that were marked (UNLINK)."""

    kind: ClassVar[ActionKind] = "unlink_prefix"
    title = "Unlink cache keys"
    verb = "Unlink"
    condition = "a cache key of the tenant that begins with the prefix, or was marked"


class InvalidateTenant(_UnlinksAnswers):
    """Remove all cache keys of a tenant (UNLINK), and publish one event on its channel."""

    kind: ClassVar[ActionKind] = "invalidate_tenant"
    title = "Invalidate a tenant's cache"
    verb = "Invalidate"
    condition = "a cache key of the tenant"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK", "PUBLISH"})
    publishes = True

    def effect(self, plan: Plan) -> str:
        """Return what the gateways will do once they get the event."""
        who = safe_text(plan.request.tenant, 60)
        if plan.channel is None:
            return (
                f"{_cold_cache(plan)} No event tells the gateways, because the profile names no channel of a tenant: "
                "what they keep in their own memory stays."
            )
        return (
            f"Cold cache for {plural(plan.count, 'answer')} of {who}, and one event tells the gateways: "
            "each answer is fetched again when it is requested."
        )


def _cold_cache(plan: Plan) -> str:
    who = safe_text(plan.request.tenant, 60)
    return f"Cold cache for {plural(plan.count, 'answer')} of {who}: each is fetched again when it is requested."


async def _unlink_each(connection: OperatorConnection, keys: Sequence[bytes]) -> list[Outcome]:
    return await send_each(connection, [("UNLINK", key) for key in keys], of_unlink)


def event_channel(layout: KeyLayout, request: ActionRequest) -> bytes | None:
    """Return the channel on which the event of this action is published.

    None if the action publishes none, or the profile names no channel for a tenant.
    """
    channels = tenant_channels(layout.dialect)
    if channels and recipe_for(request.kind).publishes:
        return channels + request.tenant
    return None


def event_of(plan: Plan, wall: float, removed: int) -> bytes:
    """Return the event: JSON of at most 4 kB with the action's id.

    Args:
        plan: What was carried out.
        wall: The present time, in wall-clock seconds.
        removed: How many keys were removed.
    """
    event: dict[str, object] = {
        "type": "bulk_invalidation",
        "tenant_id": plan.request.tenant.decode("utf-8", "backslashreplace"),
        "timestamp": datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event_id": plan.id,
        "action_id": plan.id,
        "source": "optimus-tui",
        "keys_invalidated": removed,
    }
    shown = [pattern.decode("utf-8", "backslashreplace") for pattern in plan.patterns]
    whole = msgspec.json.encode({**event, "pattern": shown[0], "patterns": shown} if shown else event)
    if len(whole) > MAX_EVENT:
        return msgspec.json.encode(event)
    return whole


async def end_each(
    connection: OperatorConnection, plan: Plan, keys: Sequence[bytes], seconds: Sequence[int]
) -> list[Outcome]:
    """Set the TTL of each key, in seconds, and return one outcome for each.

    Raises:
        Halted: Nothing more may be sent.
    """
    if not knows_nx(plan.where.version):
        own = dict(zip(keys, seconds, strict=True))
        return await touch_by_slot(connection, plan, keys, lambda key: ("EXPIRE", key, own[key]))
    commands = [("EXPIRE", key, most, "NX") for key, most in zip(keys, seconds, strict=True)]
    outcomes = await send_each(connection, commands, lambda reply: "done" if reply == 1 else "changed")
    skipped = [index for index, outcome in enumerate(outcomes) if outcome == "changed"]
    if skipped:
        await _tell_gone(connection, keys, skipped, outcomes)
    return outcomes


def knows_nx(version: str) -> bool:
    """Return True if EXPIRE takes NX on this version: from Redis 7 on."""
    major = version.partition(".")[0]
    return major.isdigit() and int(major) >= 7


async def _tell_gone(
    connection: OperatorConnection, keys: Sequence[bytes], skipped: Sequence[int], outcomes: list[Outcome]
) -> None:
    """Correct the outcomes of keys that are gone: EXPIRE answers 0 for them as for keys that have a TTL."""
    try:
        pttls = await connection.together([("PTTL", keys[index]) for index in skipped])
    except ConnectionLost as lost:
        raise Halted(outcomes, lost.fault.message) from None
    for index, pttl in zip(skipped, pttls, strict=True):
        if pttl == -2:
            outcomes[index] = "already gone"


RECIPES: dict[ActionKind, Recipe] = {
    recipe.kind: recipe
    for recipe in (RepairCounter(), ResetCounters(), UnlinkNoTtl(), ExpireNoTtl(), InvalidateTenant(), UnlinkPrefix())
}


def recipe_for(kind: ActionKind) -> Recipe:
    """Return the recipe of a kind."""
    return RECIPES[kind]
