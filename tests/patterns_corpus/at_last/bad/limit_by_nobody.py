# expect: limits.key_without_tenant, limits.no_expiry, caching.key_without_tenant, caching.no_ttl, errors.unmapped, breaker.missing, models.response, tenancy.unused, config.hardcoded_host
# present: logging, metrics
# absent: rate_limiting, caching, circuit_breaker
"""Its own limiter and its own cache class, both without a tenant and without an end."""

import json
import logging
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Header, HTTPException, Request
from prometheus_client import Counter
from redis.asyncio import Redis

logger = logging.getLogger(__name__)
CALLS = Counter("translations_total", "Translations.")
TRANSLATE_URL = "https://translate.acme-corp.com/v2"  # fires: config.hardcoded_host


class RateLimiter:
    def __init__(self, redis: Redis, limit: int) -> None:
        self.redis, self.limit = redis, limit

    async def hit(self, operation: str) -> None:
        used = await self.redis.incr(f"rate_limit:{operation}")  # fires: limits.key_without_tenant, limits.no_expiry
        if used > self.limit:
            raise HTTPException(429, "slow down", headers={"Retry-After": "60"})


class TranslationCache:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def get(self, language: str, text: str):
        raw = await self.redis.get(f"cache:translation:{language}:{text}")  # fires: caching.key_without_tenant
        return json.loads(raw) if raw else None

    async def put(self, language: str, text: str, value: dict) -> None:
        await self.redis.set(f"cache:translation:{language}:{text}", json.dumps(value))  # fires: caching.key_without_tenant, caching.no_ttl


def get_redis(request: Request) -> Redis:
    return request.app.state.redis


def get_http(request: Request) -> httpx.AsyncClient:
    return request.app.state.http


router = APIRouter(prefix="/translations")


@router.get("/{language}")
# fires below: errors.unmapped, breaker.missing, models.response
async def translate(
    language: str,
    text: str,
    redis: Annotated[Redis, Depends(get_redis)],
    http: Annotated[httpx.AsyncClient, Depends(get_http)],
    x_tenant_id: Annotated[str, Header(min_length=1)],  # fires: tenancy.unused
):
    await RateLimiter(redis, 100).hit("translate")
    cache = TranslationCache(redis)
    if found := await cache.get(language, text):
        return found
    CALLS.inc()
    response = await http.get(TRANSLATE_URL, params={"to": language, "q": text}, timeout=4)
    answer = response.json()
    await cache.put(language, text, answer)
    logger.info("translated %d characters", len(text))
    return answer
