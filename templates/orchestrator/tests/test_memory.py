"""Redis with its memory full: limits are still counted, writes still invalidate, and nothing is pushed out."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from backend.utils.cache_coherence import CacheCoherenceManager, InvalidationType
from backend.utils.cache_manager import CacheManager
from backend.utils.metrics import value_of
from backend.utils.rate_limiter import EnterpriseRateLimiter


@pytest.fixture
async def full(redis: Redis, redis_url: str | None) -> AsyncIterator[Redis]:
    """Give a server as docker-compose.prod.yml starts it, with 500 counters and one answer, then filled up."""
    if redis_url is None:
        pytest.skip("fakeredis has no memory limit")
    limiter = EnterpriseRateLimiter(redis)
    for number in range(500):
        await limiter.check(f"t{number}", "chat")
    await CacheManager(redis).set("cache:profile:acme:*", {"old": True})
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("maxmemory", used + 1_000_000)
    try:
        with pytest.raises(ResponseError, match="maxmemory"):
            for number in range(10_000):
                await redis.set(f"cache:thing:acme:{number}", "x" * 1000, ex=300)
        yield redis
    finally:
        await redis.config_set("maxmemory", 0)


async def test_limits_hold_and_writes_invalidate_while_memory_is_full(full: Redis) -> None:
    assert len([key async for key in full.scan_iter("rate_limit:*")]) == 500
    limiter, unenforced = EnterpriseRateLimiter(full), value_of("rate_limit_unenforced_total")
    assert (await limiter.check("t1", "chat")).count == 2
    results = [await limiter.check("newcomer", "export") for _ in range(21)]
    assert [result.allowed for result in results] == [True] * 20 + [False]
    assert value_of("rate_limit_unenforced_total") == unenforced
    cache = CacheManager(full)
    assert await cache.get("cache:profile:acme:*") == {"old": True}
    result = await CacheCoherenceManager(full).invalidate_by_event(
        InvalidationType.PROFILE_UPDATED, "acme", doubt_seconds=60
    )
    assert (result.keys_invalidated, result.complete, result.published) == (1, True, True)
    assert await cache.get("cache:profile:acme:*") is None

    async def load() -> dict[str, bool]:
        return {"new": True}

    assert (await cache.fetch("list_conversations", "other", load=load)).value == {"new": True}
    with pytest.raises(RedisError):
        await full.set("cache:thing:acme:more", "x" * 1000, ex=300)
