"""The integration test of gateway and engine, and several timed requests to one service, all bounded in time.

This is the only probe that writes: one key with a TTL of a minute, which is unlinked afterwards, and one test message
that is marked as such.
"""

import asyncio
import secrets
import time
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.model import ServiceProfile
from optimus_tui.probes.faults import OUTAGES, fault_of, is_crowded
from optimus_tui.probes.http.fetch import FETCH_ERRORS, Posted, fault_of_http, fetch
from optimus_tui.probes.http.health_body import WELL, ReportedHealth
from optimus_tui.probes.http.services import NOT_ASKED, USUAL, ServiceCheck, look_at_health
from optimus_tui.probes.load_meter import disturbed, watching
from optimus_tui.probes.redis.commands import OWN_PREFIX, OWN_SECONDS
from optimus_tui.probes.redis.observer import ObserverRedis

TEST_PHONE = "+10000000000"
"""A number that no network assigns; the engine stores the conversation under it."""
TEST_MESSAGE = "optimus-tui integration test, please ignore"
PROBE_SECONDS = 2.5
MESSAGE_SECONDS = 5.0
LEAST_SECONDS, ROOM = 0.3, 1.2
"""The time that must be left for a further request: a fifth more than the slowest one took."""
BUDGET_S = 4.0
DEADLINE_S = 2.5
WARM_MS = 300.0
LEAST_PINGS = 2


class CacheRoundTrip(Struct, frozen=True, kw_only=True):
    """The result of writing our own key. ``intact`` None: it was not read back; ``skipped``: why it was not written."""

    intact: bool | None = None
    removed: bool | None = None
    took_ms: float | None = None
    skipped: str | None = None
    fault: Fault | None = None


class Posting(Struct, frozen=True, kw_only=True):
    """The gateway's answer to the test message."""

    took_ms: float | None = None
    status_code: int | None = None
    has_reply: bool = False
    fault: Fault | None = None


async def round_trip(redis: ObserverRedis, tenant: str) -> CacheRoundTrip:
    """Write, read and remove ``integration_test:{tenant}:{nonce}``."""
    key = OWN_PREFIX + tenant.encode() + b":" + secrets.token_hex(8).encode()
    value = secrets.token_bytes(64)
    began = time.perf_counter()
    try:
        await redis.execute_command("SET", key, value, "EX", OWN_SECONDS)
        back = await redis.execute_command("GET", key)
        took = (time.perf_counter() - began) * 1000
        removed = await redis.execute_command("UNLINK", key)
    except (NoPermissionError, ReadOnlyError) as error:
        return CacheRoundTrip(skipped="no permission", fault=fault_of(error, redis.target, redis.layout))
    except OutOfMemoryError as error:
        return CacheRoundTrip(intact=False, fault=fault_of(error, redis.target, redis.layout))
    except OUTAGES as error:
        return CacheRoundTrip(fault=fault_of(error, redis.target, redis.layout))
    return CacheRoundTrip(intact=back == value, removed=bool(removed), took_ms=took)


async def time_requests(
    http: httpx.AsyncClient, url: str, times: int, seconds: float, profile: ServiceProfile = USUAL
) -> list[ServiceCheck]:
    """Send ``times`` requests for a health check one after the other, and time each; fewer if ``seconds`` are over.

    After one without an answer the rest are sent together, because there is no timing left to disturb.
    """
    ends = asyncio.get_running_loop().time() + seconds
    seen: list[ServiceCheck] = []
    while len(seen) < times:
        left = ends - asyncio.get_running_loop().time()
        slowest = max((one.answer.took_ms / 1000 for one in seen if one.answer), default=0.0)
        if seen and left < max(LEAST_SECONDS, ROOM * slowest):
            break
        if seen and seen[-1].answer is None:
            rest = [look_at_health(http, url, min(PROBE_SECONDS, left), profile) for _ in range(times - len(seen))]
            seen += await asyncio.gather(*rest)
        else:
            seen.append(await look_at_health(http, url, min(PROBE_SECONDS, left), profile))
    return seen


async def ask_status(http: httpx.AsyncClient, url: str) -> tuple[int | None, float | None, Fault | None]:
    """Return the status code of a GET and its milliseconds, or why there is none."""
    try:
        answer = await fetch(http, url, PROBE_SECONDS)
    except FETCH_ERRORS as error:
        return None, None, fault_of_http(error, url)
    return answer.status, answer.took_ms, None


async def post_message(http: httpx.AsyncClient, gateway_url: str, tenant: str) -> Posting:
    """Post one recognisable test message through the gateway. It is never repeated."""
    body = msgspec.json.encode({"phone": TEST_PHONE, "message": TEST_MESSAGE})
    headers = {b"Content-Type": b"application/json", b"X-Tenant-ID": tenant.encode()}
    try:
        answer = await fetch(http, f"{gateway_url}/api/chat", MESSAGE_SECONDS, post=Posted(body, headers))
    except FETCH_ERRORS as error:
        return Posting(fault=fault_of_http(error, gateway_url))
    reply = None
    if answer.status < 300 and not answer.problem:
        reply = _reply(answer.body)
    fault = None
    if answer.status >= 300 or answer.problem:
        fault = Fault("invalid", ", ".join(filter(None, (f"/api/chat answered {answer.status}", answer.problem))))
    return Posting(took_ms=answer.took_ms, status_code=answer.status, has_reply=reply is not None, fault=fault)


def _reply(body: bytes) -> str | None:
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    words = document.get("reply", document.get("message"))
    if isinstance(words, str) and words.strip():
        return words
    return None


class Timed(Struct, frozen=True, kw_only=True):
    """One timed request.

    ``ms`` is the time until the end of the answer, None without one; ``fault`` says why it was not good.

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
    def failed(self) -> bool:
        """Return whether it was sent and had no good answer. Without an address in the profile, nothing is sent."""
        return not self.good and self.fault is not NOT_ASKED

    @property
    def counts(self) -> bool:
        """Return True if its time shows how fast the service is: a good answer, not delayed by this program."""
        return self.fault is None and self.ms is not None and not disturbed(self.ms, self.own_ms)


async def time_service(
    http: httpx.AsyncClient, clock: Clock, url: str, times: int, profile: ServiceProfile = USUAL
) -> list[Timed]:
    """Time up to ``times`` GETs of a health check, at least one; fewer without an answer or after four seconds.

    One more is sent before them, because the first may have to connect. It counts only if it fails or takes longer than
    any connecting, so that a slow service still has two times. Requests during which our own event loop was blocked are
    repeated, up to ``times`` of them.
    """
    done: list[Timed] = []
    spare, warm, until = times, False, clock.mono() + BUDGET_S
    while len(done) < times and (not done or clock.mono() < until):
        one = _timed(await look_at_health(http, url, DEADLINE_S, profile))
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
    """Time up to ``times`` PINGs. The first one may have to connect, so it is not counted if it succeeded.

    It stops after four seconds if at least two are done. If our other requests use all connections, nothing is sent,
    and nothing is known about the server.
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
        fault = fault_of(error, redis.target, redis.layout)
        if is_crowded(error):
            fault = replace(fault, kind="starved")
        done.append(Timed(ms=None, fault=fault))
    return done
