"""Many who miss the same answer: one loads it, and nobody gets one of before a write."""

import asyncio
from typing import Any

import pytest
from conftest import free_port
from redis.asyncio import Redis

from backend.clients import open_redis
from backend.utils.cache_coherence import CacheCoherenceManager, InvalidationType
from backend.utils.cache_manager import CacheManager
from backend.utils.metrics import value_of
from backend.utils.shared_work import SharedWork


class Engine:
    """Counts how often it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def load(self) -> dict[str, Any]:
        self.asked += 1
        number = self.asked
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {"load": number}


async def until_asked(engine: Engine, times: int) -> None:
    async with asyncio.timeout(10):
        while engine.asked < times:  # noqa: ASYNC110 - it is counted, not told
            await asyncio.sleep(0.01)


async def test_a_thousand_readers_of_a_cold_key_ask_once(redis: Redis) -> None:
    cache, engine, shared = CacheManager(redis), Engine(), value_of("cache_shared_loads_total")
    readers = [asyncio.create_task(cache.fetch("thing", "acme", 1, load=engine.load)) for _ in range(1000)]
    await until_asked(engine, 1)
    engine.go.set()
    answers = await asyncio.gather(*readers)
    assert (engine.asked, {answer.value["load"] for answer in answers}) == (1, {1})
    assert value_of("cache_shared_loads_total") - shared == sum(not answer.hit for answer in answers) - 1


async def test_readers_in_two_processes_ask_once(redis: Redis) -> None:
    ours, theirs, engine = CacheManager(redis), CacheManager(redis), Engine()
    readers = [
        asyncio.create_task(cache.fetch("thing", "acme", 1, load=engine.load))
        for _ in range(500)
        for cache in (ours, theirs)
    ]
    await until_asked(engine, 1)
    await asyncio.sleep(0.3)
    engine.go.set()
    answers = await asyncio.gather(*readers)
    assert (engine.asked, {answer.value["load"] for answer in answers}) == (1, {1})


async def test_a_process_that_died_while_loading_is_waited_for_no_longer_than_its_lease(redis: Redis) -> None:
    dead, alive, engine = CacheManager(redis, lease_seconds=0.3), CacheManager(redis), Engine()
    task = asyncio.create_task(dead.fetch("thing", "acme", 1, load=engine.load))
    await until_asked(engine, 1)
    task.cancel()
    waiting = asyncio.create_task(alive.fetch("thing", "acme", 1, load=engine.load))
    await until_asked(engine, 2)
    engine.go.set()
    assert (await waiting).value == {"load": 2}


async def test_a_failure_is_everybodys_and_the_next_reader_asks_again(redis: Redis) -> None:
    cache, engine = CacheManager(redis), Engine()
    engine.error = LookupError("no such thing")
    readers = [asyncio.create_task(cache.fetch("thing", "acme", 1, load=engine.load)) for _ in range(20)]
    await until_asked(engine, 1)
    await asyncio.sleep(0.1)
    engine.go.set()
    failures = await asyncio.gather(*readers, return_exceptions=True)
    assert (engine.asked, {str(failure) for failure in failures}) == (1, {"no such thing"})
    engine.error = None
    assert (await cache.fetch("thing", "acme", 1, load=engine.load)).value == {"load": 2}


async def test_a_reader_that_comes_after_a_write_does_not_get_what_was_asked_before_it(redis: Redis) -> None:
    cache, coherence, engine = CacheManager(redis), CacheCoherenceManager(redis), Engine()
    early = asyncio.create_task(cache.fetch("profile", "acme", load=engine.load))
    await until_asked(engine, 1)
    await coherence.invalidate_by_event(InvalidationType.PROFILE_UPDATED, "acme")
    late = asyncio.create_task(cache.fetch("profile", "acme", load=engine.load))
    await until_asked(engine, 2)
    engine.go.set()
    assert ((await early).value, (await late).value) == ({"load": 1}, {"load": 2})
    third = await cache.fetch("profile", "acme", load=engine.load)
    assert (third.value, third.hit) == ({"load": 2}, True)


async def test_one_reader_that_leaves_stops_nobody_else(redis: Redis) -> None:
    cache, engine = CacheManager(redis), Engine()
    first, second = [asyncio.create_task(cache.fetch("thing", "acme", 1, load=engine.load)) for _ in range(2)]
    await until_asked(engine, 1)
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    engine.go.set()
    assert (await second).value == {"load": 1}


async def test_without_redis_a_thousand_readers_ask_twice_at_most() -> None:
    engine = Engine()
    engine.go.set()
    async with open_redis(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        cache = CacheManager(nobody)
        answers = await asyncio.gather(
            *(cache.fetch("thing", "acme", 1, load=engine.load) for _ in range(1000))
        )
    assert 1 <= engine.asked <= 2
    assert not any(answer.hit for answer in answers)


async def test_work_is_shared_only_by_those_who_came_before_it_began() -> None:
    shared, engine = SharedWork[dict[str, Any]](), Engine()
    first = asyncio.create_task(shared.run("a", engine.load))
    await until_asked(engine, 1)
    later = [asyncio.create_task(shared.run("a", engine.load)) for _ in range(5)]
    other = asyncio.create_task(shared.run("b", engine.load))
    await until_asked(engine, 2)
    engine.go.set()
    assert (await first, await other) == ({"load": 1}, {"load": 2})
    assert await asyncio.gather(*later) == [{"load": 3}] * 5
    assert await shared.run("a", engine.load) == {"load": 4}
