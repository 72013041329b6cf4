"""Make a plan from one scan of all keys, and the figures and sentences of its confirmation."""

import asyncio
import hashlib
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from random import Random

from msgspec import structs
from redis.exceptions import ResponseError

from optimus_tui.actions.redis.identity import (
    CLUSTER_NODES,
    LOOK,
    ServerReplies,
    SlotOwners,
    identify,
    primary_only,
)
from optimus_tui.actions.redis.key_actions import event_channel, recipe_for
from optimus_tui.actions.redis.keys import (
    COUNTER_KINDS,
    SETS_TTL,
    Gathering,
    Known,
    Selection,
    check_request,
    check_windows,
    count_foreign,
    read_counter_facts,
    read_facts,
    read_sample,
)
from optimus_tui.actions.redis.servers import parts_of, place_of
from optimus_tui.context import Context
from optimus_tui.contract.actions import ActionRequest, Plan, PlanKey, Preview, Refusal, Where
from optimus_tui.contract.keyspace import TTL_EDGES, LimitRules
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.keyspace import SweepOutcome
from optimus_tui.probes.sweep import sweep
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

MAX_REACH = 500_000
MAX_BYTES = 32_000_000
"""Bytes of all names of one plan together."""

Walked = Callable[[int, int | None], None]
EDGE = 10
"""Samples from each end of the list, and as many from the middle."""
BATCH_SECONDS = 0.008
"""Seconds for a batch of 100 keys with its two records on disk and its pause, without the network."""
BATCH = 100


@asynccontextmanager
async def of_primaries(context: Context) -> AsyncIterator[Context]:
    """Yield the context if it reads keys on primaries, else one that does: a replica's keys may be too old."""
    settings = context.settings
    if settings.redis.read_from == "primary":
        yield context
        return
    redis = structs.replace(settings.redis, read_from="primary")
    own = Context(structs.replace(settings, redis=redis), context.clock, tuning=context.tuning)
    own.own = context.own
    try:
        yield own
    finally:
        await own.aclose()


async def make_plan(
    context: Context,
    request: ActionRequest,
    known: Known,
    walked: Walked | None = None,
    rules: LimitRules | None = None,
) -> Plan | Refusal:
    """Return the plan, or a Refusal if there is none.

    Args:
        context: The clients, settings and clock.
        request: What to do, and for which tenant.
        known: Tenants that are known from elsewhere.
        walked: Called during the scan with the names seen so far and the total (None if unknown).
        rules: The limits in force, for windows that the names do not say; None for none.
    """
    refusal = check_request(request)
    if refusal is not None:
        return refusal
    try:
        return await _read_plan(context, request, known, walked, rules)
    except OUTAGES as error:
        fault = fault_of(error, context.settings.redis, context.layout)
        return Refusal("unreachable", fault.message, fault.remedy)


async def _read_plan(
    context: Context, request: ActionRequest, known: Known, walked: Walked | None, rules: LimitRules | None
) -> Plan | Refusal:
    where = await _where(context)
    if isinstance(where, Refusal):
        return where
    gathered = await _walk(context, request, known, walked)
    if isinstance(gathered, Refusal):
        return gathered
    selection, coverage = gathered
    facts, skipped = await _meeting(context, request, selection, rules)
    if where.nodes:
        by_node = SlotOwners(where.nodes).sorted(facts)
        if isinstance(by_node, Refusal):
            return by_node
        facts = by_node
    channel = event_channel(context.layout, request)
    refusal = _too_much(request, facts, channel) or check_windows(request, facts)
    if refusal is not None:
        return refusal
    memory, asked = await read_sample(context.redis, [fact.key for fact in facts])
    again = await _where(context)
    if isinstance(again, Refusal):
        return again
    if again != where:
        return Refusal("elsewhere", "the server changed meanwhile")
    ping, server_time = await _times(context)
    return Plan(
        id=uuid.uuid4().hex,
        request=_with_window(request, facts),
        where=where,
        condition=recipe_for(request.kind).condition,
        keys=tuple(facts),
        digest=digest_of(fact.key for fact in facts),
        made_at=context.clock.wall(),
        made_mono=context.clock.mono(),
        server_time=server_time,
        neighbours=selection.neighbours,
        sharing=selection.sharing(facts, context.layout),
        ambiguous=selection.ambiguous,
        skipped=skipped,
        coverage=coverage,
        memory_sampled=memory,
        memory_keys=asked,
        ping_ms=ping,
        channel=channel,
        patterns=context.layout.cache_patterns(request.tenant, request.cache_kind) if channel is not None else (),
    )


def _with_window(request: ActionRequest, facts: Sequence[PlanKey]) -> ActionRequest:
    """Return the request with the window of its keys, where all of them have the same one."""
    windows = {fact.window_seconds for fact in facts}
    if request.kind not in SETS_TTL or request.window_seconds is not None or len(windows) != 1:
        return request
    return structs.replace(request, window_seconds=windows.pop())


def digest_of(keys: Iterable[bytes]) -> str:
    """Return one SHA-256 in hex over these keys.

    The lengths of the keys are hashed too, so no other keys give the same.
    """
    digest = hashlib.sha256()
    for key in keys:
        digest.update(b"%d:" % len(key) + key)
    return digest.hexdigest()


async def where_now(context: Context) -> Where | Refusal:
    """Return which servers answer now, as a plan would say; a Refusal where they cannot be asked."""
    try:
        return await _where(context)
    except OUTAGES as error:
        fault = fault_of(error, context.settings.redis, context.layout)
        return Refusal("unreachable", fault.message, fault.remedy)


async def _where(context: Context) -> Where | Refusal:
    """Ask the watched servers who they are: the primaries that a cluster has now, or the one that sentinels name."""
    redis = context.redis
    clients = await redis.nodes()
    if redis.cluster_nodes is not None:
        await redis.cluster_nodes.learn()
        clients = await redis.nodes()
    if redis.sentinels is not None:
        clients = (await redis.sentinels.primary(now=True),)
    replies = []
    for client in clients:
        pipe = client.pipeline()
        for words in (*LOOK, *([CLUSTER_NODES] if redis.cluster_nodes is not None else [])):
            pipe.execute_command(*words)
        server, replication, *nodes = await pipe.execute(raise_on_error=False)
        for reply in (server, replication, *nodes):
            if isinstance(reply, Exception):
                raise reply
        place = "" if redis.router is None else place_of(client.target)
        replies.append(ServerReplies(place, server, replication, None, *nodes))
    where = identify(context.settings, replies)
    if isinstance(where, Refusal):
        return where
    return primary_only(where) or where


async def _walk(
    context: Context, request: ActionRequest, known: Known, walked: Walked | None
) -> tuple[Selection, Coverage] | Refusal:
    gathering, seen = Gathering(request, known, context.layout), 0
    async for item in sweep(context.redis, context.settings.scan, context.own, ttls=False):
        if isinstance(item, SweepOutcome):
            if not item.complete:
                return Refusal("incomplete", f"the keyspace was not read completely: {item.reason}", "plan again")
            return gathering.selected(), Coverage(item.scanned, item.total, True)
        gathering.add(item.names)
        seen += len(item.names) + item.others
        if walked is not None:
            walked(seen if item.total is None else min(seen, item.total), item.total)
        if len(gathering.names) > MAX_REACH:
            break
        await asyncio.sleep(0)
    return Refusal("too many", f"more than {MAX_REACH:,} keys look like this tenant's", "narrow it")


async def _meeting(
    context: Context, request: ActionRequest, selection: Selection, rules: LimitRules | None
) -> tuple[list[PlanKey], int]:
    """Return the keys that meet the condition now, and how many of the tenant's keys do not."""
    recipe = recipe_for(request.kind)
    if request.kind in COUNTER_KINDS:
        whole = not recipe.without_ttl
        facts = await read_counter_facts(context, selection.keys, rules, whole=whole)
    else:
        facts = await read_facts(context, selection.keys)
    meeting = [fact for fact in facts if recipe.meets(-1 if fact.immortal else fact.ttl_ms or 0)]
    return meeting, len(facts) - len(meeting)


def _too_much(request: ActionRequest, facts: list[PlanKey], channel: bytes | None) -> Refusal | None:
    recipe = recipe_for(request.kind)
    if not facts and channel is None:
        return Refusal("nothing", f"there is nothing to do: no key is {recipe.condition}")
    if len(facts) > request.max_keys:
        remedy = "narrow it to an operation, a kind or a prefix, or start the dashboard with --max-keys"
        return Refusal("too many", f"{len(facts):,} keys; an action takes at most {request.max_keys:,}", remedy)
    if sum(len(fact.key) for fact in facts) > MAX_BYTES:
        return Refusal("too many", f"the names alone take more than {MAX_BYTES // 10**6} MB", "narrow it")
    return None


async def _times(context: Context) -> tuple[float, float]:
    """Return the best of three PINGs in ms, and the server's time in seconds (0.0 where TIME is not allowed)."""
    best = 1000.0
    for _ in range(3):
        began = context.clock.mono()
        await context.redis.ping()
        best = min(best, (context.clock.mono() - began) * 1000)
    try:
        seconds, micros = await context.redis.execute_command("TIME")
    except ResponseError:
        return best, 0.0
    return best, int(seconds) + int(micros) / 1e6


def preview(plan: Plan, layout: KeyLayout) -> Preview:
    """Return what the operator sees before typing the words that confirm."""
    recipe = recipe_for(plan.request.kind)
    ttls = [key.ttl_ms for key in plan.keys if key.ttl_ms is not None]
    exact = plan.memory_keys == plan.count
    measured = plan.memory_sampled is not None and plan.memory_keys > 0
    used = round((plan.memory_sampled or 0) / max(1, plan.memory_keys) * plan.count) if measured else None
    gentler, gentler_words = recipe.gentler(plan) or (None, None)
    return Preview(
        title=recipe.title,
        verb=recipe.verb,
        subject=subject_of(plan.request),
        count=plan.count,
        samples=samples(plan),
        types=dict(Counter(key.type or "?" for key in plan.keys)),
        ttl_min_ms=min(ttls, default=None),
        ttl_max_ms=max(ttls, default=None),
        without_ttl=sum(key.immortal for key in plan.keys),
        histogram=_histogram(ttls),
        foreign=count_foreign(plan, layout),
        neighbours=plan.neighbours,
        ambiguous=plan.ambiguous,
        bytes_estimated=used,
        bytes_exact=exact and measured,
        seconds=seconds(plan),
        effect=recipe.effect(plan),
        undo=recipe.undo,
        gentler=gentler,
        gentler_words=gentler_words,
        confirm=words_to_type(plan),
        nodes=_nodes_of(plan),
    )


def _nodes_of(plan: Plan) -> tuple[tuple[str, int], ...]:
    """Return of a cluster the place of each node that has keys of the plan, and how many."""
    counts: Counter[str] = Counter()
    for node, places in parts_of(plan, range(plan.count)):
        if node is not None:
            counts[node.place] += len(places)
    return tuple(counts.items())


def words_to_type(plan: Plan, left: int | None = None) -> str:
    """Return the words that the operator types to confirm, such as ``prod 1423``.

    They are facts that have to be read first, and hold no text of a tenant.

    Args:
        plan: The plan to confirm.
        left: Number of keys that remain; None for all of the plan.
    """
    if left is None:
        left = plan.count
    return f"{plan.where.environment} {left}"


def seconds(plan: Plan) -> float:
    """Return how many seconds the action is expected to take."""
    batches, watched = -(-plan.count // BATCH), recipe_for(plan.request.kind).watched
    trips = 3 if watched else 1
    if watched and plan.where.nodes:  # A transaction holds keys of one slot: these have one each.
        trips = 2 * min(plan.count, BATCH)
    return batches * (BATCH_SECONDS + trips * (plan.ping_ms or 1.0) / 1000 + 0.001)


def samples(plan: Plan) -> tuple[PlanKey, ...]:
    """Return the first ten keys, ten from the middle and the last ten; always the same for the same plan."""
    keys = plan.keys
    if len(keys) <= 3 * EDGE:
        return keys
    between = sorted(Random(plan.id).sample(range(EDGE, len(keys) - EDGE), EDGE))  # noqa: S311 - a sample, no secret
    return (*keys[:EDGE], *(keys[place] for place in between), *keys[-EDGE:])


def subject_of(request: ActionRequest) -> str:
    """Return the subject such as ``clinic_b, all operations``, safe to show."""
    tenant = safe_text(request.tenant, 60)
    if request.only is not None:
        return f"{tenant}, {plural(len(request.only), 'marked key')}"
    if request.kind in COUNTER_KINDS:
        return f"{tenant}, {safe_text(request.operation or 'all operations', 60)}"
    subject = f"{tenant}, {safe_text(request.cache_kind or 'all kinds', 60)}"
    if request.kind == "unlink_prefix":
        return f"{subject}, {safe_text(request.prefix, 60)}…"
    return subject


def _histogram(ttls: list[int]) -> tuple[int, ...]:
    bins = [0] * (len(TTL_EDGES) + 1)
    for ttl in ttls:
        bins[bisect_right(TTL_EDGES, ttl / 1000)] += 1
    return tuple(bins)
