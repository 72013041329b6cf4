"""When the circuit opens, for whom, and what is not held against a service."""

import asyncio
import time

import httpx
import pytest
from conftest import TENANT
from prometheus_client.parser import text_string_to_metric_families

from ai_engine.app import app as engine_app
from ai_engine.drill import Drill, DrillOrder
from backend.app import app
from backend.clients import open_http
from backend.config.settings import Settings
from backend.utils.circuit_breaker import CircuitBreaker, CircuitOpenError, CircuitState
from backend.utils.rate_limiter import EnterpriseRateLimiter
from backend.utils.upstream import MAX_IN_FLIGHT, MAX_WAITING, GuardedTransport, OverloadedError


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("test", minimum_calls=4, window_seconds=10, recovery_seconds=5, clock=clock)


def ask(breaker: CircuitBreaker, outcomes: str, *tenants: str) -> list[str]:
    """Ask in turn for each tenant; `x` fails. Return who was refused."""
    refused = []
    for outcome in outcomes:
        for tenant in tenants:
            try:
                with breaker.attempt(tenant) as attempt:
                    attempt.failed = outcome == "x"
            except CircuitOpenError:
                refused.append(tenant)
    return refused


def test_it_opens_by_the_share_of_failures_and_not_before_enough_requests(breaker: CircuitBreaker) -> None:
    assert ask(breaker, "xxx", "a") == []
    assert breaker.state is CircuitState.CLOSED
    assert ask(breaker, "x.", "a") == ["a"]
    assert breaker.state is CircuitState.OPEN


def test_a_few_failures_among_many_requests_do_not_open_it(breaker: CircuitBreaker) -> None:
    assert ask(breaker, "...xx" * 20, "a", "b") == []
    assert breaker.state is CircuitState.CLOSED


def test_failures_before_the_window_do_not_count(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(10):
        assert ask(breaker, "xxx", "a") == []
        clock.now += 10
    assert breaker.state is CircuitState.CLOSED


def test_a_tenant_whose_requests_break_the_service_is_refused_alone(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    assert set(ask(breaker, "xxxxxx", "poison")) == {"poison"}
    assert breaker.state is CircuitState.OPEN  # of those who asked nobody gets through
    assert ask(breaker, "....", "good") == []
    assert breaker.state is CircuitState.CLOSED
    assert ask(breaker, "x", "poison") == ["poison"]
    clock.now += 5
    assert ask(breaker, "xx", "poison") == ["poison"]  # the probe failed
    clock.now += 5
    assert ask(breaker, "...", "poison") == []


def test_it_opens_for_all_once_the_others_fail_too(breaker: CircuitBreaker) -> None:
    ask(breaker, "xxxx", "a")
    assert ask(breaker, "x", "b", "c", "d", "e", "f") == ["f"]
    assert ask(breaker, ".", "a", "newcomer") == ["a", "newcomer"]
    assert breaker.state is CircuitState.OPEN


def test_what_failed_before_it_opened_is_forgotten_when_it_closes(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    ask(breaker, "x", "a", "b", "c", "d", "e", "f")
    assert breaker.state is CircuitState.OPEN
    clock.now += 5
    assert ask(breaker, ".x", "a") == []
    assert breaker.state is CircuitState.CLOSED


async def test_150_creates_at_once_at_the_published_limits_open_no_circuit(
    gateway: httpx.AsyncClient, drill: Drill
) -> None:
    drill.start(DrillOrder(delay_ms=300))
    limit = EnterpriseRateLimiter.limits["create_conversation"]
    async with open_http(Settings(), httpx.ASGITransport(engine_app)) as app.state.http:
        answers = await asyncio.gather(
            *(
                gateway.post(
                    "/api/conversations", json={"phone": f"+{n}"}, headers={"X-Tenant-ID": f"t{n // 50}"}
                )
                for n in range(150)
            )
        )
    assert limit >= 50
    assert {answer.status_code for answer in answers} == {201}
    assert _gauges((await gateway.get("/metrics")).text, "circuit_breaker_state")["ai_engine"] == 0


async def test_refusals_of_one_tenant_never_open_it(gateway: httpx.AsyncClient) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            422 if request.headers["X-Tenant-ID"] == "odd" else 200, json={"display_name": "x"}
        )

    async with open_http(Settings(breaker_minimum_calls=2), httpx.MockTransport(refuse)) as app.state.http:
        for _ in range(20):
            answer = await gateway.get("/api/conversations/1/export", headers={"X-Tenant-ID": "odd"})
            assert answer.status_code == 422
        assert (await gateway.get("/api/profile", headers=TENANT)).status_code == 200


async def test_each_upstream_has_a_circuit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_ENGINE_URL", "http://engine:8010")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500 if request.url.host == "billing" else 200)

    async with open_http(Settings(breaker_minimum_calls=2), httpx.MockTransport(answer)) as http:
        assert [(await http.get("http://billing/x")).status_code for _ in range(2)] == [500, 500]
        with pytest.raises(CircuitOpenError, match="billing"):
            await http.get("http://billing/y")
        assert (await http.get("http://engine:8010/x")).status_code == 200


async def test_whoever_waits_too_long_for_a_turn_is_turned_away_with_503(gateway: httpx.AsyncClient) -> None:
    class Hangs(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.3)
            return httpx.Response(200, json={"items": [], "reply": "x"})

    settings = Settings(engine_timeout_seconds=0.2, breaker_minimum_calls=10_000)
    async with open_http(settings, Hangs()) as app.state.http:
        answers = await asyncio.gather(
            *(
                gateway.get(f"/api/conversations/{n}/messages", headers={"X-Tenant-ID": f"t{n}"})
                for n in range(4 * MAX_IN_FLIGHT)
            )
        )
    away = [answer for answer in answers if answer.status_code == 503]
    assert away
    assert all(answer.headers["Retry-After"] == "1" for answer in away)
    turned_away = _gauges((await gateway.get("/metrics")).text, "upstream_turned_away")
    assert turned_away["ai_engine"] >= len(away)


async def test_nobody_waits_behind_too_many_others_and_the_circuit_stays_closed() -> None:
    class Waits(httpx.AsyncBaseTransport):
        def __init__(self) -> None:
            self.go = asyncio.Event()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await self.go.wait()
            return httpx.Response(200)

    inner, breaker = Waits(), CircuitBreaker("full", minimum_calls=1)
    transport = GuardedTransport(inner, lambda url: breaker, deadline_seconds=30)
    request = httpx.Request("GET", "http://full")
    waiting = [
        asyncio.create_task(transport.handle_async_request(request))
        for _ in range(MAX_IN_FLIGHT + MAX_WAITING)
    ]
    await asyncio.sleep(0.1)
    with pytest.raises(OverloadedError):
        await transport.handle_async_request(request)
    inner.go.set()
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
    assert breaker.state is CircuitState.CLOSED


async def test_time_that_this_process_was_busy_is_not_held_against_the_service() -> None:
    class Quick(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.15)
            return httpx.Response(200)

    async def be_busy() -> None:
        await asyncio.sleep(0.05)
        time.sleep(1)  # noqa: ASYNC251 - it blocks everything, as a busy process does

    breaker = CircuitBreaker("quick", minimum_calls=1)
    transport = GuardedTransport(Quick(), lambda url: breaker, deadline_seconds=0.5)
    busy = asyncio.create_task(be_busy())
    answer = await transport.handle_async_request(httpx.Request("GET", "http://quick"))
    await busy
    assert (answer.status_code, breaker.state) == (200, CircuitState.CLOSED)


def _gauges(text: str, family: str) -> dict[str, float]:
    return {
        sample.labels["service"]: sample.value
        for each in text_string_to_metric_families(text)
        if each.name == family
        for sample in each.samples
    }
