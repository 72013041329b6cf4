"""What callers get when the AI Engine fails, and how the circuit breaker spares it."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from conftest import TENANT, free_port

from ai_engine.drill import Drill, DrillOrder
from backend.app import app
from backend.clients import open_http
from backend.config.settings import Settings
from backend.utils.circuit_breaker import CircuitBreaker, CircuitOpenError, CircuitState
from backend.utils.metrics import REGISTRY
from backend.utils.upstream import MAX_IN_FLIGHT, GuardedTransport


async def ask(gateway: httpx.AsyncClient) -> httpx.Response:
    return await gateway.post("/api/chat", json={"phone": "+1", "message": "hello"}, headers=TENANT)


async def answered_by(
    gateway: httpx.AsyncClient, handler: Callable[[httpx.Request], httpx.Response]
) -> httpx.Response:
    async with open_http(Settings(), httpx.MockTransport(handler)) as app.state.http:
        return await ask(gateway)


async def test_the_breaker_opens_refuses_and_recovers(
    gateway: httpx.AsyncClient, drill: Drill, settings: Settings
) -> None:
    drill.start(DrillOrder(fault_share=1, fault_status=500))
    assert [(await ask(gateway)).status_code for _ in range(4)] == [502, 502, 502, 503]
    assert (await ask(gateway)).headers["Retry-After"] == "1"
    assert 'circuit_breaker_state{service="ai_engine"} 2.0' in (await gateway.get("/metrics")).text
    await asyncio.sleep(settings.breaker_recovery_seconds)
    assert [(await ask(gateway)).status_code for _ in range(2)] == [502, 503]  # the probe failed
    drill.start(DrillOrder())
    await asyncio.sleep(settings.breaker_recovery_seconds)
    assert [(await ask(gateway)).status_code for _ in range(2)] == [200, 200]
    assert 'circuit_breaker_state{service="ai_engine"} 0.0' in (await gateway.get("/metrics")).text


async def test_a_slow_engine_is_504_within_the_deadline(gateway: httpx.AsyncClient, drill: Drill) -> None:
    drill.start(DrillOrder(delay_ms=10_000))
    started = asyncio.get_running_loop().time()
    assert (await ask(gateway)).status_code == 504
    assert asyncio.get_running_loop().time() - started < 1


async def test_an_engine_that_is_not_there_is_502(
    gateway: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_ENGINE_URL", f"http://127.0.0.1:{free_port()}")
    async with open_http(Settings()) as app.state.http:
        assert (await ask(gateway)).status_code == 502


class Slow(httpx.AsyncBaseTransport):
    """A service that takes its time and answers everybody."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.7)
        return httpx.Response(200)


async def test_waiting_for_a_turn_is_not_held_against_the_engine() -> None:
    breaker = CircuitBreaker("slow", minimum_calls=1)
    transport = GuardedTransport(Slow(), lambda url: breaker, deadline_seconds=2.0)
    request = httpx.Request("GET", "http://slow")
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(
        *(transport.handle_async_request(request) for _ in range(MAX_IN_FLIGHT * 3))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert asyncio.get_running_loop().time() - started > 2.0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (httpx.Response(404, json={"detail": "no such thing"}), 404),
        (httpx.Response(422, json={"detail": [{"loc": ["x"]}]}), 422),
        (httpx.Response(429, text="slow down"), 429),
        (httpx.Response(401), 502),
        (httpx.Response(302, headers={"Location": "http://elsewhere"}), 502),
        (httpx.Response(500, text="<html>"), 502),
        (httpx.Response(200, text="<html>"), 502),
        (httpx.Response(200, json=[1]), 502),
        (httpx.Response(200, json={"no": "reply"}), 502),
        (httpx.Response(200, content=b"[" * 100_000), 502),
        (httpx.Response(200, content=b'{"reply": "\\ud800"}'), 502),
        (httpx.Response(200, content=b'{"reply": "hello", "score": 1e999}'), 502),
        (httpx.Response(404, content=b'{"detail": "\\ud800"}'), 404),
        (httpx.Response(422, content=b'{"detail": NaN}'), 422),
        (httpx.Response(409, content=b'{"detail":' * 100_000), 409),
    ],
)
async def test_answers_of_the_engine_are_translated(
    gateway: httpx.AsyncClient, answer: httpx.Response, status: int
) -> None:
    got = await answered_by(gateway, lambda request: answer)
    assert got.status_code == status
    assert got.json()["detail"]


async def test_when_to_come_again_is_passed_on_where_it_can_be(gateway: httpx.AsyncClient) -> None:
    busy = httpx.Response(429, headers={"Retry-After": "7"}, json={"detail": "busy"})
    got = await answered_by(gateway, lambda request: busy)
    assert (got.status_code, got.headers["Retry-After"], got.json()) == (429, "7", {"detail": "busy"})
    odd = httpx.Response(429, headers=[(b"Retry-After", b"\xe2\x82\xac")])
    got = await answered_by(gateway, lambda request: odd)
    assert (got.status_code, got.headers.get("Retry-After")) == (429, None)


async def test_an_address_that_is_no_url_is_502(
    gateway: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_ENGINE_URL", "http://[::1")
    assert (await ask(gateway)).status_code == 502


@pytest.mark.parametrize(
    "error", [httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError, httpx.DecodingError]
)
async def test_a_broken_connection_is_never_a_bare_500(
    gateway: httpx.AsyncClient, error: type[httpx.RequestError]
) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    assert (await answered_by(gateway, broken)).status_code == 502


def test_half_open_lets_one_probe_through_and_a_cancelled_one_does_not_block_the_next() -> None:
    moment = 0.0
    breaker = CircuitBreaker("test", minimum_calls=1, recovery_seconds=10, clock=lambda: moment)
    early = breaker.attempt()
    early.__enter__()
    with breaker.attempt() as attempt:
        attempt.failed = True
    early.__exit__(None, None, None)  # sent before it opened: its success says nothing about now
    assert breaker.state is CircuitState.OPEN
    with pytest.raises(CircuitOpenError) as refused, breaker.attempt():
        pass
    assert refused.value.retry_after == 10
    moment = 10.0
    with pytest.raises(asyncio.CancelledError), breaker.attempt():
        assert breaker.state is CircuitState.HALF_OPEN
        with pytest.raises(CircuitOpenError), breaker.attempt():
            pass
        raise asyncio.CancelledError
    with breaker.attempt():
        pass
    assert breaker.state is CircuitState.CLOSED
    assert REGISTRY.get_sample_value("circuit_breaker_state", {"service": "test"}) == 0
