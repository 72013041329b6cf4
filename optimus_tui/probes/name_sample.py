"""Read a bounded number of key names of any layout, to find out what a Redis holds. It never writes."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import OUTAGES
from optimus_tui.probes.keyspace import NO_SCAN, OWN_PREFIXES, scanned_names
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.pacing import TimedCalls, pacer_for
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.parser import natural_number
from optimus_tui.probes.redis.rights import ask_all, missing_fault
from optimus_tui.settings.model import ScanBudget

MOST_NAMES = 20_000
SECONDS = 5.0
"""As long as the sample may take; what was not seen by then is left out, and ``whole`` is False."""
NAME_BYTES = 512
"""A longer name belongs to no layout and is left out."""


class NameSample(Struct, frozen=True, kw_only=True):
    """Some names in the order of SCAN, which is the order of hashes: a fair sample.

    ``total`` is DBSIZE, None where it is not known. ``whole``: these are all names. ``fault`` says why there are none,
    or not as many as there could be.
    """

    names: list[bytes] = []
    total: int | None = None
    whole: bool = False
    fault: Fault | None = None


async def sample_names(
    redis: ObserverRedis,
    budget: ScanBudget,
    own: LoadMeter,
    *,
    most: int = MOST_NAMES,
    seconds: float = SECONDS,
    pace: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NameSample:
    """Return up to ``most`` names, in a cluster as many from each primary; an outage is a fault, nothing is raised.

    They are read for about ``seconds`` at most.

    ``pace`` is awaited between calls with the due pause in seconds.
    """
    try:
        nodes = await redis.readers()
    except OUTAGES as error:
        return NameSample(fault=missing_fault("SCAN", error, redis.target, NO_SCAN))
    share = -(-most // len(nodes))
    asked = [_sample_one(node, budget, own, share, seconds, pace) for node in nodes]
    parts = await asyncio.gather(*asked)
    totals = [part.total for part in parts if part.total is not None]
    return NameSample(
        names=[name for part in parts for name in part.names],
        total=sum(totals) if len(totals) == len(parts) else None,
        whole=all(part.whole for part in parts),
        fault=next((part.fault for part in parts if part.fault), None),
    )


async def _sample_one(
    redis: ObserverRedis,
    budget: ScanBudget,
    own: LoadMeter,
    most: int,
    seconds: float,
    pace: Callable[[float], Awaitable[None]],
) -> NameSample:
    seen: dict[bytes, None] = {}
    total, cursor, until = None, b"0", own.clock.mono() + seconds
    pacer, calls = pacer_for(budget, 2 * budget.count), TimedCalls(redis, own)
    try:
        (size,) = await ask_all(redis, ("DBSIZE",))
        total = natural_number(size)
        while True:
            page = await scanned_names(calls, "SCAN", cursor, "COUNT", pacer.count)
            if calls.timed:
                pacer.took(calls.server_ms)
            seen.update((name, None) for name in page.names if not name.startswith(OWN_PREFIXES))
            cursor = page.cursor
            if cursor == b"0" or len(seen) >= most or own.clock.mono() >= until:
                break
            await pace(pacer.pause_seconds)
    except OUTAGES as error:
        fault = missing_fault("SCAN", error, redis.target, NO_SCAN)
        return NameSample(names=_kept(seen, most), total=total, fault=fault)
    return NameSample(names=_kept(seen, most), total=total, whole=cursor == b"0" and len(seen) <= most)


def _kept(seen: dict[bytes, None], most: int) -> list[bytes]:
    return [name for name in list(seen)[:most] if len(name) <= NAME_BYTES]
