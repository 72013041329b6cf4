"""Read a system of several servers: what it says of itself, and the state of each server, replicas included.

The system is a whole cluster, or the servers that sentinels watch.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from msgspec.structs import replace
from redis.exceptions import InvalidResponse, RedisError

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import SLOTS, ClusterState, NodeFacts, SentinelState
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import MemoryState, Refusals, ServerState, SlowState
from optimus_tui.grammar.info import parse_info
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.redis.nodes import ClusterNodes
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.parser import fields_of, items_of
from optimus_tui.probes.redis.sentinels import SentinelPrimary
from optimus_tui.probes.redis.slots import MOST_NODES, ListedNode, NodeAddress, parse_nodes
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text

_SUMS = (
    "keys", "memory_used", "memory_max", "expiring_keys", "evicted_keys", "clients", "clients_max",
    "commands_per_second", "keyspace_hits", "keyspace_misses", "replicas",
)  # fmt: skip
"""Figures of which a cluster has the sum of its primaries; unknown where one of them does not answer."""
NODE_SECONDS = 1.5
"""The time for the reading of one node, of the three seconds that the whole has."""
UNPROVEN_SECONDS = 0.6
"""The same for a primary that nobody names now: that it is not proven is told soon, whether it answers or hangs."""
T = TypeVar("T")
ReadOne = Callable[[ObserverRedis], Awaitable[Reading[ServerState]]]


async def read_cluster(cluster: ClusterNodes[ObserverRedis], read_one: ReadOne, clock: Clock) -> Reading[ServerState]:
    """Return the state of a cluster: sums over its primaries, and each node one by one.

    ``read_one`` reads the state of one server. The fault is set where no primary answers.
    """
    wall, mono = clock.wall(), clock.mono()
    try:
        listed, words, via = await _described(cluster)
    except OUTAGES as error:
        fault = fault_of(error, cluster.servers.target)
        return Reading(value=None, taken_at=wall, taken_mono=mono, fault=fault)
    places = [cluster.place_of(node, via) for node in listed]
    asked = [_in_time(read_one, cluster.servers.at(place), wall, mono) for place in places]
    readings = await asyncio.gather(*asked)
    nodes = _with_lag(
        _node(node, place, reading, places, listed)
        for node, place, reading in zip(listed, places, readings, strict=True)
    )
    owners = [node for node in nodes if node.node is not None and node.node.role == "primary" and node.node.slots]
    dead = [place for node, place in zip(nodes, places, strict=True) if node.node is not None and node.node.fault]
    lost = cluster.lost_slots(dead)
    if lost:  # The slots may have been asked for before a replica took the place of one that is away.
        with contextlib.suppress(*OUTAGES):
            await cluster.learn()
        lost = cluster.lost_slots(dead)
    answering = [node for node in owners if node.node is not None and node.node.fault is None]
    failed: Fault | None = None
    if not answering:
        failed = next((reading.fault for reading in readings if reading.fault), None)
        failed = failed or Fault("role", "no node of the cluster owns a slot", "see CLUSTER NODES")
    state = ClusterState(
        says_ok=words.get("cluster_state") == "ok" if "cluster_state" in words else None,
        covered=SLOTS - sum(last - first + 1 for first, last in lost),
        lost=lost,
        moving=len(cluster.moving.union(*(node.moving_slots for node in listed))),
    )
    value = None
    if answering:
        value = replace(_whole(owners, answering), cluster=state, nodes=tuple(nodes), failovers=cluster.failovers)
    took = max((node.latency_ms for node in answering if node.latency_ms is not None), default=None)
    return Reading(value=value, taken_at=wall, taken_mono=mono, took_ms=took, fault=failed)


class Watched(NamedTuple):
    """A reading of the primary, what its sentinels say, and the servers that they watch one by one."""

    reading: Reading[ServerState]
    sentinels: SentinelState
    nodes: tuple[ServerState, ...]


async def read_watched(sentinels: SentinelPrimary[ObserverRedis], read_one: ReadOne, clock: Clock) -> Watched:
    """Read the primary, its replicas and the sentinels' word at once: a server that hangs must not cost the others.

    Raises nothing: what cannot be read is replaced by its fault. If the primary is away, the server that the sentinels
    name now is read. If they prove none, the one that they named before is tried, but its figures are not shown.
    """
    target, wall, mono = sentinels.servers.target, clock.wall(), clock.mono()
    server: ObserverRedis | None = None
    unproven: Fault | None = None
    try:
        server = await sentinels.primary()
    except OUTAGES as error:
        unproven = fault_of(error, target)
        reading, (copies, why) = await asyncio.gather(
            _read_unproven(sentinels, read_one, unproven, clock), _read_copies(sentinels, read_one, clock)
        )
    else:
        reading, (copies, why) = await asyncio.gather(read_one(server), _read_copies(sentinels, read_one, clock))
    before = sentinels.place
    if server is not None and reading.fault is not None and before is not None:
        with contextlib.suppress(*OUTAGES):
            follower = await sentinels.primary(now=True)
            if follower is not server:
                copies[before] = _Copy(True, reading)
                reading = await read_one(follower)
    place, tried = sentinels.place, reading
    if unproven is not None:
        reading = Reading(value=None, taken_at=wall, taken_mono=mono, fault=unproven)
    errors = {at: answer for at, answer in sentinels.answers.items() if isinstance(answer, BaseException)}
    faults = [fault_of(error, target.sentinel_at(*at)) for at, error in errors.items()]
    state = SentinelState(
        total=len(target.seeds),
        answering=len(sentinels.answers) - len(errors),
        naming=sum(answer == place for answer in sentinels.answers.values()) if place is not None else 0,
        primary="" if place is None else str(place),
        fault=faults[0] if faults else None,
        replicas_fault=why,
        unproven=unproven,
        primary_answers=tried.value is not None,
    )
    nodes = []
    if place is not None:
        nodes.append(_watched_node(place, place, _Copy(False, tried)))
        nodes += [_watched_node(at, place, copy) for at, copy in copies.items() if at != place]
    return Watched(reading, state, tuple(_with_lag(nodes)))


async def _read_unproven(
    sentinels: SentinelPrimary[ObserverRedis], read_one: ReadOne, unproven: Fault, clock: Clock
) -> Reading[ServerState]:
    """Return whether the primary that was named last answers. Its row tells that it is not proven, and no figures."""
    wall, mono = clock.wall(), clock.mono()
    if sentinels.place is None:
        return Reading(value=None, taken_at=wall, taken_mono=mono, fault=unproven)
    last = sentinels.servers.at(sentinels.place)
    reading = await _in_time(read_one, last, wall, mono, UNPROVEN_SECONDS)
    if reading.value is None:
        return reading
    return replace(reading, fault=Fault("role", "answers, but is not proven to be the primary now"))


class _Copy(NamedTuple):
    """A reading of a replica; ``down`` is the sentinels' word."""

    down: bool
    reading: Reading[ServerState]


async def _read_copies(
    sentinels: SentinelPrimary[ObserverRedis], read_one: ReadOne, clock: Clock
) -> tuple[dict[NodeAddress, _Copy], Fault | None]:
    """Return the replicas that the sentinels name, or why they are not known."""
    try:
        copies = await sentinels.copies()
    except OUTAGES as error:
        return {}, fault_of(error, sentinels.servers.target)
    asked = [_in_time(read_one, sentinels.servers.at(copy.place), clock.wall(), clock.mono()) for copy in copies]
    readings = await asyncio.gather(*asked)
    told = zip(copies, readings, strict=True)
    return {copy.place: _Copy(copy.down, reading) for copy, reading in told}, None


def _watched_node(at: NodeAddress, primary: NodeAddress, copy: _Copy) -> ServerState:
    """Return one of the servers that sentinels watch; if it did not answer, without its old figures."""
    facts = NodeFacts(
        place=str(at),
        role="primary" if at == primary else "replica",
        judged="fail" if copy.down else "ok",
        primary="" if at == primary else str(primary),
        fault=_without(at, copy.reading.fault),
    )
    told = copy.reading.value if copy.reading.fault is None else None
    return replace(told or ServerState(latency_ms=None), node=facts)


async def _in_time(
    read_one: ReadOne, node: ObserverRedis, wall: float, mono: float, seconds: float = NODE_SECONDS
) -> Reading[ServerState]:
    """Return the reading of one node; one that hangs must not cost those of the others."""
    try:
        async with asyncio.timeout(seconds):
            return await read_one(node)
    except TimeoutError:
        fault = Fault("timeout", f"no complete answer within {seconds} s")
        return Reading(value=None, taken_at=wall, taken_mono=mono, fault=fault)


async def _described(cluster: ClusterNodes[ObserverRedis]) -> tuple[list[ListedNode], dict[str, str], NodeAddress]:
    """Return the nodes of the cluster and its CLUSTER INFO, as the first node that answers tells them."""
    why: Exception = InvalidResponse("no node of the cluster lists it")
    for place in cluster.candidates():
        pipe = cluster.servers.at(place).pipeline()
        pipe.execute_command("CLUSTER", "NODES")
        pipe.execute_command("CLUSTER", "INFO")
        try:
            nodes, info = await pipe.execute(raise_on_error=False)
            if isinstance(nodes, Exception):
                raise nodes
            listed = [node for node in parse_nodes(nodes) if not node.flags & {"noaddr", "handshake"}]
        except (RedisError, OSError) as error:
            why = error
            cluster.note_away(place, error)
            continue
        return listed, parse_info(info), place
    raise why


def _node(
    node: ListedNode,
    place: NodeAddress,
    reading: Reading[ServerState],
    places: Sequence[NodeAddress],
    listed: Sequence[ListedNode],
) -> ServerState:
    owner = next((str(at) for one, at in zip(listed, places, strict=True) if one.id == node.master), "")
    facts = NodeFacts(
        place=str(place),
        role="primary" if node.primary else "replica",
        slots=node.count,
        judged=_judged(node),
        primary=owner,
        fault=_without(place, reading.fault),
    )
    return replace(reading.value or ServerState(latency_ms=None), node=facts)


def _without(place: NodeAddress, fault: Fault | None) -> Fault | None:
    """Return a fault whose message does not begin with the node: where it is told, the node stands before it."""
    if fault is None:
        return None
    return replace(fault, message=re.sub(rf"^{re.escape(str(place))}(/\d+)?: ", "", fault.message))


def _judged(node: ListedNode) -> Literal["ok", "pfail", "fail"]:
    if "fail" in node.flags:
        return "fail"
    if "fail?" in node.flags:
        return "pfail"
    return "ok"


def _with_lag(nodes: Iterable[ServerState]) -> list[ServerState]:
    """Return the nodes, each replica with how many bytes it is behind its primary."""
    found = list(nodes)
    written = {node.node.place: node.offset for node in found if node.node is not None}
    for index, node in enumerate(found):
        facts = node.node
        if facts is None or facts.role != "replica" or node.offset is None:
            continue
        of_primary = written.get(facts.primary)
        if of_primary is not None:
            behind = replace(facts, lag_bytes=max(0, of_primary - node.offset))
            found[index] = replace(node, node=behind)
    return found


def _whole(owners: Sequence[ServerState], answering: Sequence[ServerState]) -> ServerState:
    """Return the sums over the primaries. A sum that lacks a part is unknown."""
    complete, refused = len(answering) == len(owners), Refusals()
    if complete:
        refused = _refused(answering)
    sums: dict[str, Any] = {name: _sum(answering, name) if complete else None for name in _SUMS}
    latencies = [node.latency_ms for node in answering if node.latency_ms is not None]
    first = answering[0]
    return ServerState(
        latency_ms=max(latencies, default=None),
        latency_command=first.latency_command,
        product=first.product,
        version=first.version,
        mode="cluster",
        role="primary",
        memory_policy=first.memory_policy,
        own_hits=first.own_hits,
        own_misses=first.own_misses,
        refused=refused,
        info_fault=next((node.info_fault for node in answering if node.info_fault), None),
        **sums,
    )


def _sum(nodes: Sequence[ServerState], name: str) -> Any:
    values = [getattr(node, name) for node in nodes]
    if any(value is None for value in values):
        return None
    return sum(values)


def _refused(nodes: Sequence[ServerState]) -> Refusals:
    known = [node.refused.writes for node in nodes if node.refused.writes is not None]
    writes: dict[str, int] = {}
    for code, count in (pair for one in known for pair in one.items()):
        writes[code] = writes.get(code, 0) + count
    connections = [node.refused.connections for node in nodes if node.refused.connections is not None]
    return Refusals(
        writes=writes if len(known) == len(nodes) else None,
        connections=sum(connections) if len(connections) == len(nodes) else None,
    )


async def of_each(
    redis: ObserverRedis, target: RedisTarget, read: Callable[[ObserverRedis], Awaitable[T | Fault]]
) -> list[T] | Fault:
    """Return the result of ``read`` for each primary, or the first fault: a part must not pass for the whole."""
    try:
        nodes = await redis.nodes()
    except OUTAGES as error:
        return fault_of(error, target)
    found: list[T] = []
    for one in await asyncio.gather(*map(read, nodes)):
        if isinstance(one, Fault):
            return one
        found.append(one)
    return found


def sum_of_memory(states: Sequence[MemoryState]) -> MemoryState:
    """Return the memory of several servers together; the largest buffers are those of one of them."""
    first = states[0]
    if len(states) == 1:
        return first
    names = ("used", "resident", "limit", "dataset", "client_buffers", "clients", "subscribers")
    sums = {name: _sum_of(states, name) for name in names}
    used, resident = sums["used"], sums["resident"]
    return replace(
        first,
        **sums,
        fragmentation=resident / used if used and resident else None,
        largest_output=_most_of(states, "largest_output"),
        largest_input=_most_of(states, "largest_input"),
    )


def _sum_of(states: Sequence[MemoryState], name: str) -> int | None:
    values: list[int | None] = [getattr(state, name) for state in states]
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        return sum(known)
    return None


def _most_of(states: Sequence[MemoryState], name: str) -> int | None:
    values: list[int | None] = [getattr(state, name) for state in states]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return max(known)


def all_slow(states: Sequence[SlowState]) -> SlowState:
    """Return the slow calls and latency events of several servers together."""
    first = states[0]
    if len(states) == 1:
        return first
    logged = [state.logged for state in states if state.logged is not None]
    return SlowState(
        logged=sum(logged) if len(logged) == len(states) else None,
        own=sum(state.own for state in states),
        calls=tuple(sorted((call for state in states for call in state.calls), key=lambda call: call.age_s)),
        events=tuple(event for state in states for event in state.events),
        calls_fault=next((state.calls_fault for state in states if state.calls_fault), None),
        events_fault=next((state.events_fault for state in states if state.events_fault), None),
    )


async def read_links(redis: ObserverRedis, target: RedisTarget) -> dict[str, int]:
    """Return when each other node's link to the one at ``target`` was made, by the node's id.

    Raises:
        OUTAGES: (``probes.faults``) the node is away or does not tell.
    """
    if redis.cluster_nodes is None:
        return {}
    reply = await redis.cluster_nodes.servers.at(NodeAddress(target.host, target.port)).execute_command(
        "CLUSTER", "LINKS"
    )
    made: dict[str, int] = {}
    for row in items_of(reply)[:MOST_NODES]:
        fields = fields_of(row)
        match fields:
            case {b"direction": b"from", b"node": bytes(name), b"create-time": int(at)}:
                made[safe_text(name, 60)] = at
    return made
