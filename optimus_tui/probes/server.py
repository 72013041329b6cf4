"""One look at the server: is it there, how fast does it answer, and what does INFO say about it.

Each part may fail by itself: a login without INFO still gets a latency, a loading server still says how far it is.
"""

from redis.exceptions import ResponseError

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.grammar.info import keys_in, parse_info, real, whole
from optimus_tui.probes.client import ObserverRedis
from optimus_tui.probes.delay import disturbed, watching
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.own import OwnLoad
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text


async def read_server(redis: ObserverRedis, target: RedisTarget, own: OwnLoad, clock: Clock) -> Reading[ServerState]:
    """Two round trips: PING, whose time is the latency, then INFO and DBSIZE together. Outages become the fault."""
    wall, began = clock.wall(), clock.mono()
    fault: Fault | None = None
    try:
        latency_ms = await _ping_ms(redis, own, clock)
    except OUTAGES as error:
        fault = fault_of(error, target)
        if not isinstance(error, ResponseError) and fault.kind != "loading":
            return Reading(value=None, taken_at=wall, taken_mono=began, fault=fault)
        latency_ms = (clock.mono() - began) * 1000
    counted = own.hits, own.misses
    try:
        info, size = await _info(redis, alone=fault is not None)
    except OUTAGES as error:
        return Reading(value=None, taken_at=wall, taken_mono=began, fault=fault or fault_of(error, target))
    info_fault = fault_of(info, target) if isinstance(info, Exception) else None
    if info_fault and info_fault.kind != "denied":
        return Reading(value=None, taken_at=wall, taken_mono=began, fault=fault or info_fault)
    state = _state(parse_info(info), size, latency_ms, target.db, counted, info_fault)
    if fault and state.loading_percent is not None:
        fault = Fault(fault.kind, f"{fault.message} ({state.loading_percent:.0f} %)", fault.remedy)
    return Reading(value=state, taken_at=wall, taken_mono=began, took_ms=latency_ms, fault=fault)


async def _ping_ms(redis: ObserverRedis, own: OwnLoad, clock: Clock) -> float:
    """The time of one PING in ms; asked again where a connection had to be made first."""
    connects = own.connects
    with watching() as span:
        await redis.ping()
        if own.connects != connects or disturbed(span.took_ms, span.own_ms):
            span.restart()
            await redis.ping()
        return span.took_ms


async def _info(redis: ObserverRedis, alone: bool) -> tuple[object, object]:
    """INFO and DBSIZE; INFO alone where the server may be loading, since an error there costs the whole pipeline."""
    if alone:
        return await redis.execute_command("INFO"), None
    pipe = redis.pipeline()
    pipe.execute_command("INFO")
    pipe.execute_command("DBSIZE")
    info, size = await pipe.execute(raise_on_error=False)
    return info, size


def _state(
    info: dict[str, str],
    size: object,
    latency_ms: float,
    db: int,
    own: tuple[int, int],
    info_fault: Fault | None,
) -> ServerState:
    def text(name: str) -> str | None:
        return safe_text(info[name], 60) if info.get(name) else None

    product = text("server_name") or ("redis" if "redis_version" in info else None)
    replica = info.get("role") == "slave"
    return ServerState(
        latency_ms=latency_ms,
        product=product,
        version=text(f"{product}_version") or text("redis_version"),
        mode=text("redis_mode") or text("server_mode"),
        role="replica" if replica else ("primary" if info.get("role") == "master" else text("role")),
        run_id=text("run_id"),
        db=db,
        keys=size if isinstance(size, int) else keys_in(info, db),
        memory_used=whole(info, "used_memory"),
        memory_max=whole(info, "maxmemory") or None,
        memory_policy=text("maxmemory_policy"),
        evicted_keys=whole(info, "evicted_keys"),
        clients=whole(info, "connected_clients"),
        commands_per_second=real(info, "instantaneous_ops_per_sec"),
        keyspace_hits=whole(info, "keyspace_hits"),
        keyspace_misses=whole(info, "keyspace_misses"),
        own_hits=own[0],
        own_misses=own[1],
        uptime_seconds=whole(info, "uptime_in_seconds"),
        link_to_master=text("master_link_status") if replica else None,
        loading_percent=real(info, "loading_loaded_perc") if info.get("loading") == "1" else None,
        info_fault=info_fault,
    )
