"""The event log that the gateway keeps beside the live feed: raw payloads, bounded.

It refuses to order or to judge them: the newest is wherever the writer put it, and timestamps tell.
"""

from optimus_tui.grammar.keys import EVENT_LOG
from optimus_tui.probes.client import ObserverRedis


async def read_event_log(redis: ObserverRedis, limit: int = 1000) -> list[bytes]:
    """Up to ``limit`` raw payloads from the head of the list. Raises ``probes.faults.OUTAGES``."""
    reply = await redis.execute_command("LRANGE", EVENT_LOG, 0, max(1, limit) - 1)
    return [item for item in reply if isinstance(item, bytes)] if isinstance(reply, list) else []
