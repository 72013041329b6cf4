"""Read the server's memory and client buffers: two sections of INFO in one round trip.

A field that the server does not report is None.
"""

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.server_condition import MemoryState
from optimus_tui.grammar.info import parse_info, real, whole
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text


async def read_memory(redis: ObserverRedis, target: RedisTarget) -> MemoryState | Fault:
    """Return the present memory and buffers, or the fault."""
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
