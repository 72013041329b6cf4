"""Limits: counted exactly, per tenant and operation, never without an expiry, and open when Redis is not there."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from conftest import TENANT, free_port
from redis.asyncio import Redis

from backend.clients import open_redis
from backend.utils import rate_limiter
from backend.utils.metrics import value_of
from backend.utils.rate_limiter import EnterpriseRateLimiter


async def test_concurrent_requests_are_each_counted_once(redis: Redis) -> None:
    limiter = EnterpriseRateLimiter(redis)
    results = await asyncio.gather(*(limiter.check("acme", "export") for _ in range(60)))
    assert sorted(result.count for result in results if result.count) == list(range(1, 61))
    assert sum(result.allowed for result in results) == limiter.limits["export"] == 20
    assert all(1 <= result.retry_after <= 60 for result in results if not result.allowed)


async def test_every_counter_has_an_expiry_that_later_requests_do_not_extend(redis: Redis) -> None:
    limiter = EnterpriseRateLimiter(redis)
    await limiter.check("acme", "chat")
    await redis.pexpire("rate_limit:acme:chat", 5000)
    await limiter.check("acme", "chat")
    assert 4000 < await redis.pttl("rate_limit:acme:chat") <= 5000


async def test_a_counter_left_without_expiry_gets_one_and_keeps_its_count(redis: Redis) -> None:
    await redis.set("rate_limit:acme:chat", 150)
    result = await EnterpriseRateLimiter(redis).check("acme", "chat")
    assert (result.allowed, result.count, result.retry_after) == (False, 151, 60)
    assert 0 < await redis.ttl("rate_limit:acme:chat") <= 60


async def test_tenants_and_operations_do_not_share_counters(redis: Redis) -> None:
    limiter = EnterpriseRateLimiter(redis)
    for tenant, operation in [("acme", "chat"), ("acme", "export"), ("acme:eu", "chat"), ("other", "chat")]:
        assert (await limiter.check(tenant, operation)).count == 1
    with pytest.raises(ValueError, match="operation"):
        await limiter.check("acme", "eu:chat")


def test_overrides_and_the_default_limit_apply(redis: Redis) -> None:
    limiter = EnterpriseRateLimiter(redis)
    assert limiter.limit_for("enterprise_demo", "chat") == 600
    assert limiter.limit_for("enterprise_demo", "list_messages") == 200
    assert limiter.limit_for("acme", "list_products") == limiter.default_limit


async def test_requests_pass_and_are_counted_while_redis_is_down_or_the_key_is_no_counter(
    redis: Redis,
) -> None:
    before = value_of("rate_limit_unenforced_total")
    await redis.lpush("rate_limit:acme:chat", "x")
    assert (await EnterpriseRateLimiter(redis).check("acme", "chat")).allowed
    async with open_redis(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        result = await EnterpriseRateLimiter(nobody).check("acme", "chat")
    assert (result.allowed, result.count) == (True, None)
    assert value_of("rate_limit_unenforced_total") == before + 2


async def test_the_gateway_refuses_with_429_and_retry_after(gateway: httpx.AsyncClient, redis: Redis) -> None:
    await redis.set("rate_limit:demo_dentist:list_conversations", 99, ex=30)
    last = await gateway.get("/api/conversations", headers=TENANT)
    assert (last.status_code, last.headers["X-RateLimit-Remaining"]) == (200, "0")
    refused = await gateway.get("/api/conversations", headers=TENANT)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert "list_conversations" in refused.json()["detail"]
    assert (await gateway.get("/api/conversations", headers={"X-Tenant-ID": "other"})).status_code == 200


async def test_limits_are_published(gateway: httpx.AsyncClient) -> None:
    published = (await gateway.get("/api/rate-limits")).json()
    assert published["window_seconds"] == 60
    assert published["limits"]["chat"] == 150
    assert published["default_limit"] == 100
    assert published["tenants"]["enterprise_demo"]["chat"] == 600


def test_the_documented_grep_prints_the_limits() -> None:
    lines = Path(rate_limiter.__file__).read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if re.search("limits.*=", line))
    shown = "\n".join(lines[at : at + 11])
    assert all(f'"{operation}":' in shown for operation in EnterpriseRateLimiter.limits)
