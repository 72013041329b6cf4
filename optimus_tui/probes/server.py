"""Read the Redis server: its latency, INFO, memory and client buffers, slow log and latency events.

Each part may fail independently: without PING another harmless command is timed, without INFO there is still a latency
and the number of keys, and a loading server still reports its progress. A field that is not reported is None.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace
from redis.exceptions import NoPermissionError, ResponseError

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import SentinelState
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import LatencyEvent, MemoryState, Refusals, ServerState, SlowCall, SlowState, growth
from optimus_tui.grammar.info import amount, expiring, keys_in, not_amounts, parse_info, real, whole
from optimus_tui.probes.cluster import Watched, all_slow, of_each, read_cluster, read_watched, sum_of_memory
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import CONNECTED, LoadMeter, disturbed, measured_ms, watching
from optimus_tui.probes.redis.commands import SWEEP_PAGE
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.rights import ask, ask_all, missing_fault, touch
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text

QUICK_SECONDS = 0.7
"""A second reading is made only where the first took no longer than this."""
LOOK_SECONDS, LEAST_SECONDS = 3.3, 0.1
"""The time for one reading, and the least for a part that begins late: from 0.9 s away the first answer takes 2.7 s."""
STOPPED = "PING, answered MISCONF"
COUNTED_REFUSALS = ("OOM", "MISCONF", "NOREPLICAS", "READONLY")
_AMOUNTS = (
    "used_memory", "maxmemory", "mem_not_counted_for_evict", "evicted_keys", "connected_clients", "maxclients",
    "keyspace_hits", "keyspace_misses", "uptime_in_seconds", "connected_slaves", "rejected_connections",
)  # fmt: skip
_WRITTEN = ("rdb_changes_since_last_save", "rdb_last_save_time", "expired_keys", "evicted_keys")
_KNOWN = ("redis_version", "run_id", "used_memory", "connected_clients", "role", "keyspace_hits", "loading")
"""Fields of which every known kind of server reports at least one."""
_ROLES = {"slave": "replica", "master": "primary"}
_UNKNOWN_COSTS = "memory, replication, refused writes and the hit rate of Redis are unknown"
ENTRIES = 128
"""The number of entries that a server keeps by default."""
OWN_NAME = b"optimus-tui"
_OWN_SCRIPT = SWEEP_PAGE[:48]


async def read_server(redis: ObserverRedis, target: RedisTarget, own: LoadMeter, clock: Clock) -> Reading[ServerState]:
    """Return the state of the server, or of a cluster with that of each node. An outage becomes the fault."""
    if (watched := await read_behind_sentinels(redis, own, clock)) is not None:
        return with_watched(redis, *watched)
    wall, mono = clock.wall(), clock.mono()
    try:
        await redis.nodes()
    except OUTAGES as error:
        fault = fault_of(error, target)
        if not isinstance(error, ResponseError) and fault.kind != "loading":
            return Reading(value=None, taken_at=wall, taken_mono=mono, fault=fault)
    if redis.cluster_nodes is None:
        return await _read_one(redis, target, own, clock)
    return await read_cluster(redis.cluster_nodes, lambda node: _read_one(node, node.target, own, clock), clock)


async def read_behind_sentinels(redis: ObserverRedis, own: LoadMeter, clock: Clock) -> Watched | None:
    """Return the primary, and what its sentinels say and watch; None where no sentinels are asked."""
    if redis.sentinels is None:
        return None
    return await read_watched(redis.sentinels, lambda node: _read_one(node, node.target, own, clock), clock)


def with_watched(
    redis: ObserverRedis, reading: Reading[ServerState], sentinels: SentinelState, nodes: tuple[ServerState, ...]
) -> Reading[ServerState]:
    """Return a reading of the primary, which may be old, with what its sentinels say and watch now."""
    value = reading.value or ServerState(latency_ms=None)
    failovers = redis.sentinels.failovers if redis.sentinels is not None else ()
    return replace(reading, value=replace(value, sentinels=sentinels, nodes=nodes, failovers=failovers))


async def _read_one(redis: ObserverRedis, target: RedisTarget, own: LoadMeter, clock: Clock) -> Reading[ServerState]:
    """Return the server's state after two round trips: PING, whose time is the latency, then INFO and DBSIZE together.

    An outage becomes the fault. A server that answers PING and is too slow for INFO has an unknown state, which is no
    outage.
    """
    wall, began = clock.wall(), clock.mono()
    fault: Fault | None = None
    command = "PING"

    def left() -> float:
        return max(LEAST_SECONDS, LOOK_SECONDS - (clock.mono() - began))

    try:
        latency_ms, command = await _latency(redis, left)
    except OUTAGES as error:
        fault = fault_of(error, target)
        if not isinstance(error, ResponseError) and fault.kind != "loading":
            return Reading(value=None, taken_at=wall, taken_mono=began, fault=fault)
        latency_ms = (clock.mono() - began) * 1000
    counted = own.hits, own.misses
    info: object
    size: object = None
    try:
        async with asyncio.timeout(left()):
            info, size = await _info(redis, alone=fault is not None)
    except OUTAGES as error:
        slow = fault_of(error, target)
        if fault is not None or slow.kind != "timeout":
            return Reading(value=None, taken_at=wall, taken_mono=began, fault=fault or slow)
        info = slow
    fields = parse_info(info)
    info_fault = _info_fault(info, fields, target)
    state = _state(fields, size, latency_ms, target.db, counted, info_fault)
    state = replace(state, latency_command=command, writes_stopped=command == STOPPED)
    if fault and state.loading_percent is not None:
        fault = Fault(fault.kind, f"{fault.message} ({state.loading_percent:.0f} %)", fault.remedy)
    return Reading(value=state, taken_at=wall, taken_mono=began, took_ms=latency_ms, fault=fault)


async def read_server_twice(
    redis: ObserverRedis, target: RedisTarget, own: LoadMeter, clock: Clock, *, between: float = 1.0
) -> Reading[ServerState]:
    """Return ``read_server``, read again ``between`` seconds later where the server has refused something.

    Only what grows between the two is being refused now.
    """
    began = clock.mono()
    first = await read_server(redis, target, own, clock)
    before, slow = first.value, clock.mono() - began > QUICK_SECONDS
    if first.fault is not None or before is None or slow or not has_refused(before.refused):
        return first
    await asyncio.sleep(between)
    try:
        async with asyncio.timeout(QUICK_SECONDS):
            after = (await read_server(redis, target, own, clock)).value
    except TimeoutError:
        return first
    if after is None or after.run_id != before.run_id:
        return first
    lately = growth(before.refused, after.refused, clock.mono() - first.taken_mono)
    return replace(first, value=replace(before, refused=after.refused, refused_lately=lately))


def has_refused(refused: Refusals) -> bool:
    """Return whether anything was refused since the server's start."""
    return bool(refused.connections) or any((refused.writes or {}).values())


async def _latency(redis: ObserverRedis, left: Callable[[], float]) -> tuple[float | None, str]:
    """Return the time of one PING (or the command that replaces it) in ms, and the command's name.

    It is sent again where a connection had to be opened first, another command was tried in vain, or our own event loop
    was blocked meanwhile. Where the seconds ``left`` do not suffice, the first time counts, without the connecting.
    """
    with watching() as span:
        command = await touch(redis)
        if command != "PING" and "PING" not in redis.absent and "MISCONF" in str(await ask(redis, "PING")):
            command = STOPPED
        connected = CONNECTED.get() >= span.began
        if connected:
            span.restart(CONNECTED.get())
        if connected or command != "PING" or disturbed(span.took_ms, span.own_ms):
            first = measured_ms(span.took_ms, span.own_ms)
            span.restart()
            span.sent()
            try:
                async with asyncio.timeout(left()):
                    await (ask(redis, "PING") if command == STOPPED else touch(redis))
            except TimeoutError:
                return first, command
        return measured_ms(span.took_ms, span.own_ms), command


async def _info(redis: ObserverRedis, alone: bool) -> tuple[object, object]:
    """Return the replies of INFO and DBSIZE; only INFO while the server may be loading, when DBSIZE would fail."""
    if alone:
        return await redis.execute_command("INFO"), None
    info, size = await ask_all(redis, ("INFO",), ("DBSIZE",))
    return info, size


def _info_fault(info: object, fields: dict[str, str], target: RedisTarget) -> Fault | None:
    """Return why INFO is of no use, or None where it holds known fields."""
    if isinstance(info, Fault):
        return Fault(info.kind, f"INFO was not answered in time: {_UNKNOWN_COSTS}", "see what makes it so slow")
    if isinstance(info, Exception):
        return missing_fault("INFO", info, target, _UNKNOWN_COSTS)
    if any(name in fields for name in _KNOWN):
        return None
    problem = "INFO is empty"
    if fields:
        problem = f"INFO holds no known field ({len(fields)} others)"
    return Fault(
        "invalid", f"{problem}: {_UNKNOWN_COSTS}", "see what answers to INFO there: a proxy or a managed service"
    )


def _state(
    info: dict[str, str],
    size: object,
    latency_ms: float | None,
    db: int,
    own: tuple[int, int],
    info_fault: Fault | None,
) -> ServerState:
    def text(name: str) -> str | None:
        if info.get(name):
            return safe_text(info[name], 60)
        return None

    product = text("server_name") or ("redis" if "redis_version" in info else None)
    replica = info.get("role") == "slave"
    return ServerState(
        latency_ms=latency_ms,
        product=product,
        version=text(f"{product}_version") or text("redis_version"),
        mode=text("redis_mode") or text("server_mode"),
        role=_ROLES.get(info.get("role", "")) or text("role"),
        run_id=text("run_id"),
        db=db,
        keys=size if isinstance(size, int) and size >= 0 else keys_in(info, db),
        memory_used=amount(info, "used_memory"),
        memory_max=amount(info, "maxmemory") or None,
        memory_policy=text("maxmemory_policy"),
        memory_uncounted=amount(info, "mem_not_counted_for_evict"),
        expiring_keys=expiring(info),
        evicted_keys=amount(info, "evicted_keys"),
        clients=amount(info, "connected_clients"),
        clients_max=amount(info, "maxclients") or None,
        commands_per_second=real(info, "instantaneous_ops_per_sec"),
        keyspace_hits=amount(info, "keyspace_hits"),
        keyspace_misses=amount(info, "keyspace_misses"),
        own_hits=own[0],
        own_misses=own[1],
        uptime_seconds=amount(info, "uptime_in_seconds"),
        link_to_master=_link(info) if replica else None,
        replicas=amount(info, "connected_slaves"),
        replicas_good=amount(info, "min_slaves_good_slaves"),
        offset=amount(info, "slave_repl_offset" if replica else "master_repl_offset"),
        heard_seconds=amount(info, "master_last_io_seconds_ago") if replica else None,
        written=_written(info),
        snapshot_failed=_failed(info, "rdb_last_bgsave_status"),
        append_failed=_failed(info, "aof_last_write_status") if info.get("aof_enabled") == "1" else None,
        refused=_refusals(info),
        loading_percent=real(info, "loading_loaded_perc") if info.get("loading") == "1" else None,
        info_fault=info_fault,
        senseless=tuple(f"{name} {safe_text(info[name], 24) or 'empty'}" for name in not_amounts(info, _AMOUNTS)[:5]),
    )


def _written(info: dict[str, str]) -> tuple[int, ...] | None:
    """Return what changes with every write; None on a replica, which may be given other data as a whole."""
    counts = [count for count in (amount(info, name) for name in _WRITTEN) if count is not None]
    if len(counts) == len(_WRITTEN) and info.get("role") == "master":
        return tuple(counts)
    return None


def _link(info: dict[str, str]) -> str | None:
    status = info.get("master_link_status", "")
    if status == "down" and info.get("master_sync_in_progress") == "1":
        return "syncing"
    return safe_text(status, 60) or None


def _failed(info: dict[str, str], name: str) -> bool | None:
    """Return whether a status field says err; None where it is missing."""
    if info.get(name):
        return info[name] != "ok"
    return None


def _refusals(info: dict[str, str]) -> Refusals:
    """Return the counts since the start. A server that counts its errors omits those that never happened."""
    writes: dict[str, int] | None = None
    if "total_error_replies" in info or any(name.startswith("errorstat_") for name in info):
        writes = {}
        for name in COUNTED_REFUSALS:
            _, _, count = info.get(f"errorstat_{name}", "").partition("count=")
            writes[name] = amount({name: count}, name) or 0
    return Refusals(writes=writes, connections=amount(info, "rejected_connections"))


async def read_memory(redis: ObserverRedis, target: RedisTarget) -> MemoryState | Fault:
    """Return the present memory and buffers (for a cluster, the sums over its primaries), or the fault."""
    found = await of_each(redis, target, lambda node: _memory_of_one(node, node.target))
    if isinstance(found, Fault):
        return found
    return sum_of_memory(found)


async def _memory_of_one(redis: ObserverRedis, target: RedisTarget) -> MemoryState | Fault:
    pipe = redis.pipeline()
    pipe.execute_command("INFO", "memory")
    pipe.execute_command("INFO", "clients")
    try:
        replies = await pipe.execute(raise_on_error=False)
    except OUTAGES as error:
        return fault_of(error, target)
    for reply in replies:
        if isinstance(reply, Exception):
            return fault_of(reply, target)
    info: dict[str, str] = {}
    for reply in replies:
        info |= parse_info(reply)
    return MemoryState(
        used=whole(info, "used_memory"),
        resident=whole(info, "used_memory_rss"),
        limit=whole(info, "maxmemory") or None,
        policy=safe_text(info["maxmemory_policy"], 40) if info.get("maxmemory_policy") else None,
        dataset=whole(info, "used_memory_dataset"),
        fragmentation=real(info, "mem_fragmentation_ratio"),
        client_buffers=whole(info, "mem_clients_normal"),
        largest_output=whole(info, "client_recent_max_output_buffer"),
        largest_input=whole(info, "client_recent_max_input_buffer"),
        clients=whole(info, "connected_clients"),
        subscribers=whole(info, "pubsub_clients"),
    )


class _Entry(Struct, frozen=True):
    at: int
    micros: int
    word: str
    address: bytes
    own: bool


async def read_slowlog(redis: ObserverRedis, target: RedisTarget) -> SlowState | Fault:
    """Return the newest entries of SLOWLOG and LATENCY; a Fault if a server is away.

    Without the right to ask for one of the two, only that one is unknown.

    A cluster's are those of all its primaries. Ages follow the server's clock. Arguments of slow calls hold tenants'
    data, so only the command's name is returned. Calls of this program are left out: they are recognised by their
    connection's name or by their script.
    """
    found = await of_each(redis, target, lambda node: _slow_of_one(node, node.target))
    if isinstance(found, Fault):
        return found
    return all_slow(found)


async def _slow_of_one(redis: ObserverRedis, target: RedisTarget) -> SlowState | Fault:
    pipe = redis.pipeline()
    pipe.execute_command("TIME")
    pipe.execute_command("SLOWLOG", "LEN")
    pipe.execute_command("SLOWLOG", "GET", ENTRIES)
    pipe.execute_command("LATENCY", "LATEST")
    try:
        time, length, entries, events = await pipe.execute(raise_on_error=False)
    except OUTAGES as error:
        return fault_of(error, target)
    now = _now(time)
    others, own = _entries(entries)
    return SlowState(
        logged=max(len(others), length - own) if isinstance(length, int) else None,
        own=own,
        calls=_calls(others, now),
        events=_events(events, now),
        calls_fault=_fault(entries, target) or _no_clock(time, target),
        events_fault=_fault(events, target) or _no_clock(time, target),
    )


def _fault(reply: object, target: RedisTarget) -> Fault | None:
    if isinstance(reply, Exception):
        return fault_of(reply, target)
    if isinstance(reply, list):
        return None
    return Fault("invalid", "the server answered with something else than a list")


def _no_clock(reply: object, target: RedisTarget) -> Fault | None:
    """Return a fault where the server's time is missing, without which no entry has an age."""
    if isinstance(reply, NoPermissionError):
        return fault_of(reply, target)
    return None


def _now(reply: object) -> float | None:
    match reply:
        case [bytes() | int() as seconds, bytes() | int() as micros]:
            try:
                return int(seconds) + int(micros) / 1e6
            except ValueError:
                return None
    return None


def _calls(entries: list[_Entry], now: float | None) -> tuple[SlowCall, ...]:
    if now is None:
        return ()
    return tuple(SlowCall(age_s=max(0.0, now - one.at), took_ms=one.micros / 1000, command=one.word) for one in entries)


def _rows(reply: object) -> list[object]:
    """Return the items of a reply; none where it is an error or no list, which ``_fault`` tells."""
    if isinstance(reply, list):
        return reply
    return []


def _entries(reply: object) -> tuple[list[_Entry], int]:
    """Return the entries of others, newest first, and the number of our own."""
    found = [one for entry in _rows(reply) if (one := _entry(entry))]
    ours = {one.address for one in found if one.own and one.address}
    others = [one for one in found if not one.own and one.address not in ours]  # our greeting has no name yet
    return others, len(found) - len(others)


def _entry(entry: object) -> _Entry | None:
    match entry:
        case [int(), int(at), int(micros), [command, *arguments], *more]:
            word = "?"
            if isinstance(command, bytes):
                word = safe_text(command, 40).upper()
            address, name = (*more, b"", b"")[:2]
            named = isinstance(name, bytes) and name.startswith(OWN_NAME)
            scripted = any(isinstance(one, bytes) and one.startswith(_OWN_SCRIPT) for one in arguments[:1])
            return _Entry(at, micros, word, address if isinstance(address, bytes) else b"", named or scripted)
    return None


def _events(reply: object, now: float | None) -> tuple[LatencyEvent, ...]:
    found: list[LatencyEvent] = []
    if now is None:
        return ()
    for entry in _rows(reply):
        match entry:
            case [bytes(event), int(at), int(latest), int(longest), *_]:
                name = safe_text(event, 40)
                age = max(0.0, now - at)
                found.append(LatencyEvent(event=name, age_s=age, latest_ms=float(latest), max_ms=float(longest)))
    return tuple(found)
