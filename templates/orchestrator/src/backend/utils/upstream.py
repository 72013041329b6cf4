"""The way to the AI Engine: a deadline, a circuit breaker and a histogram round every request, and so many at a time.

They sit in the transport, so a router that uses the plain HTTP client has them, too, for each upstream apart. Time that
is our own, spent waiting for a turn or while this process was busy, is not held against the service: whoever waits too
long for a turn, or finds too many waiting, is turned away. Nothing is retried here: a chat message sent twice is answered
twice.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import httpx
from fastapi import HTTPException
from pydantic_core import from_json

from backend.utils.circuit_breaker import CircuitBreaker, NotSentError
from backend.utils.metrics import UPSTREAM_DURATION, UPSTREAM_TURNED_AWAY

MAX_IN_FLIGHT = 50
MAX_WAITING = 500
TICK_SECONDS = 0.1


class OverloadedError(NotSentError):
    """The request did not get its turn. That says nothing about the service."""

    def __init__(self, service: str, retry_after: int) -> None:
        super().__init__(f"too many requests wait for {service}; try again in {retry_after} s", retry_after)


class _Upstream:
    """What guards one service."""

    def __init__(self, breaker: CircuitBreaker, patience_seconds: float) -> None:
        self.breaker = breaker
        self._patience = patience_seconds
        self._turns = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, but not for ever, nor behind too many others."""
        if self._turns.locked() and self._waiting >= MAX_WAITING:
            raise self._turned_away()
        self._waiting += 1
        try:
            await asyncio.wait_for(self._turns.acquire(), self._patience)
        except TimeoutError:
            raise self._turned_away() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    def _turned_away(self) -> OverloadedError:
        UPSTREAM_TURNED_AWAY.labels(self.breaker.service).inc()
        return OverloadedError(self.breaker.service, max(1, math.ceil(self._patience)))


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends through another transport; reads the whole answer within one deadline.

    `breaker_for` makes the breaker of an upstream, given a URL of it.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        breaker_for: Callable[[str], CircuitBreaker],
        deadline_seconds: float,
    ) -> None:
        self._inner = inner
        self._breaker_for = breaker_for
        self._deadline = deadline_seconds
        self._upstreams: dict[tuple[str, str, int | None], _Upstream] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer with its body read. NotSentError, ReadTimeout or what the transport raises."""
        origin = (request.url.scheme, request.url.host, request.url.port)
        upstream = self._upstreams.get(origin)
        if upstream is None:
            upstream = _Upstream(self._breaker_for(str(request.url)), self._deadline)
            self._upstreams[origin] = upstream
        async with upstream.turn():
            return await self._send(request, upstream.breaker)

    async def _send(self, request: httpx.Request, breaker: CircuitBreaker) -> httpx.Response:
        with breaker.attempt(request.headers.get("X-Tenant-ID", "")) as attempt:
            started = time.perf_counter()
            try:
                response = await self._in_time(request)
            finally:
                UPSTREAM_DURATION.labels(breaker.service).observe(time.perf_counter() - started)
            attempt.failed = response.status_code >= 500
            return response

    async def _in_time(self, request: httpx.Request) -> httpx.Response:
        """Wait in ticks: of one that ends late, because this process was busy, only the tick itself counts."""
        task, left = asyncio.create_task(self._answer(request)), self._deadline
        try:
            while left > 0:
                tick = min(left, TICK_SECONDS)
                done, _ = await asyncio.wait({task}, timeout=tick)
                if done:
                    return task.result()
                left -= tick
            raise httpx.ReadTimeout(f"no answer within {self._deadline:g} s", request=request)
        finally:
            task.cancel()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        await response.aread()
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def read_json(response: httpx.Response) -> Any:
    """Return what a service answered; ValueError where it is no JSON that can be sent on.

    NaN, 1e999, half a character and nesting without end are what a lenient parser takes and no answer can hold.
    """
    answer = from_json(response.content, allow_inf_nan=False)
    json.dumps(answer, allow_nan=False)
    return answer


class Written(Enum):
    """Whether a write took place: it did or may have, surely not, or it may even yet."""

    YES = "yes"
    NO = "no"
    PERHAPS_LATER = "perhaps later"


_NEVER_SENT = (NotSentError, httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)
_LOST = (httpx.TransportError, OSError, asyncio.CancelledError)  # TimeoutError is an OSError
_LOST_BETWEEN = frozenset({502, 504})  # what stands between us and the service lost its answer


def written_despite(error: BaseException) -> Written:
    """Return what is known of a write that ended in this error; what is not known counts as done."""
    if isinstance(error, _NEVER_SENT):
        return Written.NO
    if isinstance(error, (httpx.HTTPStatusError, HTTPException)):
        status = error.status_code if isinstance(error, HTTPException) else error.response.status_code
        if status in _LOST_BETWEEN:
            return Written.PERHAPS_LATER
        return Written.NO if 400 <= status < 500 and status != 408 else Written.YES
    return Written.PERHAPS_LATER if isinstance(error, _LOST) else Written.YES


class EngineClient:
    """Asks the AI Engine on behalf of one tenant."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def request(self, method: str, path: str, tenant: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object the engine answers ({} for 204).

        Raises httpx.HTTPStatusError for any status but 2xx, httpx.DecodingError for an answer that is no JSON object,
        httpx.TransportError for none at all; `backend.errors` turns all of them into a status.
        """
        url = f"{self._base_url}{path}"
        try:
            response = await self._http.request(method, url, headers={"X-Tenant-ID": tenant}, **options)
        except httpx.InvalidURL as error:
            raise httpx.UnsupportedProtocol("AI_ENGINE_URL is no URL") from error
        response.raise_for_status()
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        try:
            answer = read_json(response)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise httpx.DecodingError(
                "the AI Engine did not answer with a JSON object", request=response.request
            )
        return answer
