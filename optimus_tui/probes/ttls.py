"""Read the times to live of given names, one round trip for a hundred."""

from collections.abc import Sequence

from optimus_tui.probes.client import ObserverRedis
from optimus_tui.probes.keyspace import NOT_ASKED, PIPELINE_KEYS
from optimus_tui.probes.replies import raise_general


async def read_ttls(redis: ObserverRedis, names: Sequence[bytes]) -> list[int]:
    """Return milliseconds left, -1 for never, -2 for gone, -3 where it may not be read.

    Raises:
        OUTAGES: (``probes.faults``) the server is away.
    """
    pttls: list[int] = []
    for start in range(0, len(names), PIPELINE_KEYS):
        pipe = redis.pipeline()
        for name in names[start : start + PIPELINE_KEYS]:
            pipe.execute_command("PTTL", name)
        replies = await pipe.execute(raise_on_error=False)
        raise_general(replies)
        pttls += [reply if isinstance(reply, int) else NOT_ASKED for reply in replies]
    return pttls
