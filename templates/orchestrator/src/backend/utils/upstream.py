"""The way to the AI Engine: a deadline, a circuit breaker and a histogram round every request, and so many at a time.

They sit in the transport, so a router that uses the plain HTTP client has them too. Time spent waiting for our own
turn is not held against the engine. Nothing is retried here: a chat message sent twice is answered twice.
"""

import asyncio
import json
import time
from typing import Any

import httpx
from pydantic_core import from_json

from backend.utils.circuit_breaker import CircuitBreaker
from backend.utils.metrics import UPSTREAM_DURATION

MAX_IN_FLIGHT = 50


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends through another transport; reads the whole answer within one deadline."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, breaker: CircuitBreaker, deadline_seconds: float
    ) -> None:
        self._inner = inner
        self._breaker = breaker
        self._deadline = deadline_seconds
        self._turns = asyncio.Semaphore(MAX_IN_FLIGHT)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer with its body read. CircuitOpenError, ReadTimeout or what the transport raises."""
        async with self._turns:
            return await self._send(request)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        with self._breaker.attempt() as attempt:
            started = time.perf_counter()
            try:
                async with asyncio.timeout(self._deadline):
                    response = await self._inner.handle_async_request(request)
                    await response.aread()
            except TimeoutError:
                raise httpx.ReadTimeout(f"no answer within {self._deadline:g} s", request=request) from None
            finally:
                UPSTREAM_DURATION.labels(self._breaker.service).observe(time.perf_counter() - started)
            attempt.failed = response.status_code >= 500
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
