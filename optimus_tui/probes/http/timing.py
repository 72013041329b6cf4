"""Several timed requests to one service, so that a percentile rests on more than one. The total time is bounded.

Requests are sent one after the other, and none follows one that did not answer in time.
"""

import httpx
from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.delay import disturbed, watching
from optimus_tui.probes.faults import OUTAGES, fault_of, is_crowded
from optimus_tui.probes.http.services import ServiceCheck, look_at_health
from optimus_tui.probes.http.sickness import WELL, ReportedHealth
from optimus_tui.probes.redis.client import ObserverRedis

BUDGET_S = 4.0
DEADLINE_S = 2.5
WARM_MS = 300.0
LEAST_PINGS = 2


class Timed(Struct, frozen=True, kw_only=True):
    """One timed request. ``ms`` runs to the end of the answer, None without one; ``fault``: why it was not good.

    ``own_ms`` is the time for which our own event loop was blocked meanwhile; ``ms`` leaves it out.
    """

    ms: float | None
    own_ms: float = 0.0
    status_code: int | None = None
    fault: Fault | None = None
    reported: ReportedHealth = WELL
    """What a health check reports about its service. Reporting itself degraded is an answer and no fault."""

    @property
    def good(self) -> bool:
        """Return whether it was a good answer, because a failed request is not a fast one."""
        return self.fault is None and self.ms is not None

    @property
    def counts(self) -> bool:
        """Return whether its time says something about the other side: a good answer, received without our delay."""
        return self.fault is None and self.ms is not None and not disturbed(self.ms, self.own_ms)


async def time_service(http: httpx.AsyncClient, clock: Clock, url: str, times: int) -> list[Timed]:
    """Time up to ``times`` GETs of a health check, at least one; fewer without an answer or after four seconds.

    One more is sent before them, which may have to connect: it counts only where it fails or takes longer than
    connecting ever does, so that a slow service still has two. Requests during which our own event loop was blocked are
    repeated, up to ``times`` of them.
    """
    done: list[Timed] = []
    spare, warm, until = times, False, clock.mono() + BUDGET_S
    while len(done) < times and (not done or clock.mono() < until):
        one = _timed(await look_at_health(http, url, DEADLINE_S))
        first, warm = not warm, True
        if first and one.good and one.ms is not None and one.ms < WARM_MS:
            continue
        if one.good and not one.counts and spare:
            spare -= 1
            continue
        done.append(one)
        if one.ms is None:
            break
    return done


def _timed(seen: ServiceCheck) -> Timed:
    answer = seen.answer
    if answer is None:
        return Timed(ms=None, fault=seen.fault)
    return Timed(
        ms=answer.took_ms, own_ms=answer.own_ms, status_code=answer.status, fault=seen.failure, reported=seen.reported
    )


async def time_pings(redis: ObserverRedis, clock: Clock, times: int) -> list[Timed]:
    """Time up to ``times`` PINGs; the first, which may have to connect, is not counted where it went well.

    Fewer once four seconds are over and two are done: their times are kept. Where our other requests hold all
    connections, nothing was sent, and nothing is known of the other side.
    """
    done: list[Timed] = []
    until = clock.mono() + BUDGET_S
    try:
        with watching() as span:
            await redis.ping()
            while len(done) < times and (len(done) < LEAST_PINGS or clock.mono() < until):
                span.restart()
                span.sent()
                await redis.ping()
                done.append(Timed(ms=span.took_ms, own_ms=span.own_ms))
    except OUTAGES as error:
        fault = fault_of(error, redis.target)
        if is_crowded(error):
            fault = replace(fault, kind="starved")
        done.append(Timed(ms=None, fault=fault))
    return done
