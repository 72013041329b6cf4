"""Events of the log that appeared between two samples: their arrival is known, so their claimed times can be checked.

It waits only where the log gives reason to: it holds events, and none that claims to be of the last minute.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimus_tui.contract.feed import ClockOffset
from optimus_tui.grammar.events import parse_event
from optimus_tui.verdicts.coherence.event_clock import SKEW_SECONDS, by_arrival

if TYPE_CHECKING:
    from optimus_tui.context import Context

BETWEEN_SECONDS, LOOK_SECONDS = 0.7, 0.5
NEWEST = 50


async def late_claims(ctx: "Context", payloads: Sequence[bytes]) -> ClockOffset | None:
    """Return how far the claimed times of events lie behind their arrival.

    Only events that came since ``payloads`` were read are examined. None if none came, if they are right, or if Redis
    cannot be asked.
    """
    from optimus_tui.probes.faults import OUTAGES
    from optimus_tui.probes.keys.coherence import read_event_ends

    now = ctx.clock.wall()
    claims = [at for one in payloads if (at := parse_event(one).claimed_at) is not None]
    if not claims or max(claims) > now - SKEW_SECONDS:
        return None
    await asyncio.sleep(BETWEEN_SECONDS)
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            log = await read_event_ends(ctx.redis, NEWEST)
    except OUTAGES:
        return None
    known, now = set(payloads), ctx.clock.wall()
    new = [one for one in log.payloads if one not in known]
    offsets = [at - now for one in new if (at := parse_event(one).claimed_at) is not None]
    return by_arrival(offsets, enough=1)
