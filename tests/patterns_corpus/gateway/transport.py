"""The client for everything behind the gateway, with a circuit breaker in its transport."""
import time

import httpx


class Breaker:
    def __init__(self) -> None:
        self.failed, self.since = 0, 0.0

    def admit(self) -> None:
        if self.failed >= 5 and time.monotonic() - self.since < 10:
            raise httpx.ConnectError("circuit open")

    def note(self, bad: bool) -> None:
        self.failed = self.failed + 1 if bad else 0
        self.since = time.monotonic()


class Careful(httpx.AsyncBaseTransport):
    def __init__(self) -> None:
        self._inner, self._breaker = httpx.AsyncHTTPTransport(), Breaker()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._breaker.admit()
        answer = await self._inner.handle_async_request(request)
        self._breaker.note(answer.status_code >= 500)
        return answer


def open_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=Careful(), timeout=3)
