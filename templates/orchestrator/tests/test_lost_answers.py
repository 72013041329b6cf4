"""Writes whose answer is lost: what was cached before them is not given after them, nor while they may yet be done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from conftest import TENANT
from redis.asyncio import Redis

from ai_engine.app import app as engine_app
from backend.app import app as gateway_app
from backend.clients import open_http
from backend.config.settings import Settings
from backend.utils import cache_coherence
from backend.utils.cache_coherence import CacheCoherenceManager, InvalidationType
from backend.utils.cache_manager import CacheManager
from backend.utils.upstream import Written, written_despite

Ask = Callable[[httpx.Request], Awaitable[httpx.Response]]
PATHS = ("", "/{id}", "/{id}/messages")


class Loses(httpx.AsyncBaseTransport):
    """The way to the engine. `lose` decides what becomes of a write's answer; the engine has always done the write."""

    def __init__(self) -> None:
        self._engine = httpx.ASGITransport(engine_app)
        self.lose: Callable[[httpx.Request, Ask], Awaitable[httpx.Response]] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.lose is None or request.method == "GET":
            return await self._engine.handle_async_request(request)
        return await self.lose(request, self._engine.handle_async_request)


async def breaks(request: httpx.Request, ask: Ask) -> httpx.Response:
    await ask(request)
    raise httpx.ReadError("the connection broke", request=request)


async def closes(request: httpx.Request, ask: Ask) -> httpx.Response:
    await ask(request)
    raise httpx.RemoteProtocolError("it closed without an answer", request=request)


async def hangs(request: httpx.Request, ask: Ask) -> httpx.Response:
    await ask(request)
    await asyncio.sleep(30)
    raise AssertionError("the deadline is shorter")


async def answers_rubbish(request: httpx.Request, ask: Ask) -> httpx.Response:
    await ask(request)
    return httpx.Response(200, text="<html>", request=request)


async def fails_afterwards(request: httpx.Request, ask: Ask) -> httpx.Response:
    await ask(request)
    return httpx.Response(500, request=request)


async def is_late(request: httpx.Request, ask: Ask) -> httpx.Response:
    """The engine does the write after the gateway gave up."""

    async def later() -> None:
        await asyncio.sleep(0.3)
        await ask(request)

    LATE.append(asyncio.create_task(later()))
    raise httpx.ReadTimeout("no answer in time", request=request)


LATE: list[asyncio.Task[None]] = []
LOSSES = (breaks, closes, hangs, answers_rubbish, fails_afterwards, is_late)


@pytest.fixture
async def road(gateway: httpx.AsyncClient) -> AsyncIterator[Loses]:
    """Put a road that can lose answers between the gateway and the engine. The breaker stays out of it."""
    road = Loses()
    settings = Settings(engine_timeout_seconds=0.15, breaker_minimum_calls=10_000)
    async with open_http(settings, road) as gateway_app.state.http:
        yield road


async def seen(client: httpx.AsyncClient, conversation: str) -> list[Any]:
    """Return what a client sees of a conversation and the profile, without what every look changes."""
    answers = [
        await client.get(f"/api/conversations{path.format(id=conversation)}", headers=TENANT)
        for path in PATHS
    ]
    answers.append(await client.get("/api/profile", headers=TENANT))
    return [(answer.status_code, answer.json()) for answer in answers]


def writes(conversation: str, number: int) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Return one of each write that is cached over."""
    path = f"/api/conversations/{conversation}"
    return [
        ("POST", "/api/chat", {"phone": "+1", "message": f"hello {number}"}),
        ("POST", "/api/conversations", {"phone": f"+2{number}"}),
        ("PATCH", path, {"title": f"title {number}"}),
        ("POST", f"{path}/messages", {"role": "agent", "text": f"text {number}"}),
        ("PUT", "/api/profile", {"display_name": f"name {number}"}),
    ]


@pytest.mark.parametrize("loss", LOSSES)
async def test_no_answer_of_before_is_given_after_a_write_whose_answer_was_lost(
    gateway: httpx.AsyncClient, engine: httpx.AsyncClient, road: Loses, redis: Redis, loss: Any
) -> None:
    chat = await gateway.post("/api/chat", json={"phone": "+1", "message": "hello"}, headers=TENANT)
    conversation = chat.json()["conversation_id"]
    for number, (method, path, body) in enumerate(writes(conversation, 7)):
        await redis.flushall()
        before = await seen(gateway, conversation)
        assert before == await seen(gateway, conversation) == await seen(engine, conversation)
        road.lose = loss
        answer = await gateway.request(method, path, json=body, headers=TENANT)
        assert answer.status_code in (502, 504), (method, path)
        road.lose = None
        await seen(gateway, conversation)  # what is read now may be of before a write that is late
        await asyncio.gather(*LATE)
        LATE.clear()
        after = await seen(gateway, conversation)
        assert after == await seen(engine, conversation), (number, method, path)
        assert after != before


async def test_a_deletion_whose_answer_was_lost_is_seen(
    gateway: httpx.AsyncClient, road: Loses, redis: Redis
) -> None:
    made = await gateway.post("/api/conversations", json={"phone": "+1"}, headers=TENANT)
    path = f"/api/conversations/{made.json()['id']}"
    assert (await gateway.get(path, headers=TENANT)).status_code == 200
    road.lose = breaks
    assert (await gateway.delete(path, headers=TENANT)).status_code == 502
    assert (await gateway.get(path, headers=TENANT)).status_code == 404
    assert (await gateway.get("/api/conversations", headers=TENANT)).json()["total"] == 0


async def test_a_refusal_and_a_request_that_was_never_sent_leave_the_cache_alone(
    gateway: httpx.AsyncClient, road: Loses
) -> None:
    await gateway.get("/api/profile", headers=TENANT)
    body = {"display_name": "Dr. Demo"}
    for failure in (httpx.Response(422), httpx.Response(429), httpx.ConnectError("nobody there")):

        async def refuse(request: httpx.Request, ask: Ask, failure: Any = failure) -> httpx.Response:
            if isinstance(failure, Exception):
                raise failure
            return httpx.Response(failure.status_code, request=request)

        road.lose = refuse
        assert not (await gateway.put("/api/profile", json=body, headers=TENANT)).is_success
        assert (await gateway.get("/api/profile", headers=TENANT)).headers["X-Cache"] == "HIT"


async def test_while_a_write_may_yet_be_done_nothing_of_its_kind_is_stored_and_the_rest_is(
    redis: Redis,
) -> None:
    cache, coherence, loads = CacheManager(redis), CacheCoherenceManager(redis), 0

    async def load() -> dict[str, Any]:
        nonlocal loads
        loads += 1
        return {"load": loads}

    await cache.fetch("list_messages", "acme", "old", 50, load=load)
    with pytest.raises(httpx.ReadTimeout):
        async with coherence.invalidating(InvalidationType.MESSAGE_CREATED, "acme", resource_id="new"):
            raise httpx.ReadTimeout("no answer in time")
    assert (await cache.fetch("list_messages", "acme", "old", 50, load=load)).hit
    looks = [await cache.fetch("list_messages", "acme", "new", 50, load=load) for _ in range(3)]
    assert [(look.value["load"], look.hit) for look in looks] == [(2, False), (3, False), (4, False)]
    assert not (await cache.fetch("profile", "acme", load=load)).hit
    assert (await cache.fetch("profile", "acme", load=load)).hit
    assert not await cache.set("cache:list_messages:acme:new/50", {})
    doubt = int((await redis.hget("cache_coherence:acme:bulk", "!list_messages")) or 0)
    seconds, _ = await redis.time()
    assert 0 < doubt / 1000 - seconds <= cache_coherence.DOUBT_SECONDS + 1
    await redis.hset(
        "cache_coherence:acme:bulk", "!list_messages", str(seconds * 1000 - 1)
    )  # the time is over
    looks = [await cache.fetch("list_messages", "acme", "new", 50, load=load) for _ in range(2)]
    assert [look.hit for look in looks] == [False, True]


async def test_a_caller_that_goes_away_does_not_stop_the_invalidation(redis: Redis) -> None:
    cache, coherence = CacheManager(redis), CacheCoherenceManager(redis)
    await cache.set("cache:profile:acme:*", {"old": True})
    sent = asyncio.Event()

    async def write() -> None:
        async with coherence.invalidating(InvalidationType.PROFILE_UPDATED, "acme"):
            sent.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(write())
    await sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await cache.get("cache:profile:acme:*") is None


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (httpx.ConnectTimeout("x"), Written.NO),
        (httpx.UnsupportedProtocol("x"), Written.NO),
        (httpx.WriteError("x"), Written.PERHAPS_LATER),
        (TimeoutError(), Written.PERHAPS_LATER),
        (ConnectionResetError(), Written.PERHAPS_LATER),
        (httpx.DecodingError("x"), Written.YES),
        (ValueError(), Written.YES),
    ],
)
def test_what_is_known_of_a_write_that_failed(error: BaseException, known: Written) -> None:
    assert written_despite(error) is known
