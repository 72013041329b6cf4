"""Cached answers in Redis: every one has a TTL, every look-up is counted, and no failure of Redis reaches a caller.

An answer fetched before an invalidation and stored after it would be stale for its whole TTL. So `fetch` notes the
generation that the coherence manager raises, and the script stores the answer only if it still stands.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fastapi import Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.utils.cache_keys import generate_cache_key, tracking_key
from backend.utils.metrics import CACHE_ERRORS, CACHE_HITS, CACHE_MISSES, value_of

DEFAULT_TTL_SECONDS = 300
COUNT_FRESH_SECONDS = 3.0
COUNT_BUDGET_SECONDS = 1.0
BULK = "bulk"  # the generation of all kinds of a tenant at once
_log = logging.getLogger(__name__)

_STORE_IF_CURRENT = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] or (redis.call('GET', KEYS[3]) or '') ~= ARGV[4] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


class Cached(NamedTuple):
    """An answer and whether the cache gave it."""

    value: dict[str, Any]
    hit: bool

    def answer(self, response: Response) -> dict[str, Any]:
        """Return the answer, and say in X-Cache where it is from."""
        response.headers["X-Cache"] = "HIT" if self.hit else "MISS"
        return self.value


class CacheManager:
    """Reads and writes of cached JSON answers, for one Redis."""

    def __init__(self, redis: Redis, ttl_seconds: int = DEFAULT_TTL_SECONDS) -> None:
        self._redis = redis
        self._ttl = ttl_seconds
        self._store_if_current = redis.register_script(_STORE_IF_CURRENT)
        self._count: dict[str, Any] = {}
        self._counted_at = float("-inf")
        self._counting = asyncio.Lock()

    async def get(self, key: str) -> Any | None:
        """Return a cached answer; None where there is none, it cannot be read, or Redis does not serve."""
        value, served = await self._look_up(key)
        if served is not None:
            _count(hit=value is not None)
        return value

    async def set(self, key: str, value: Any, ttl_seconds: int | None = None) -> bool:
        """Store an answer for a time (there is no way to store one for ever); False where Redis does not serve."""
        try:
            await self._redis.set(key, json.dumps(value), ex=ttl_seconds or self._ttl)
        except RedisError as error:
            _unserved(error)
            return False
        return True

    async def fetch(
        self,
        kind: str,
        tenant: str,
        *rest: str | int,
        load: Callable[[], Awaitable[dict[str, Any]]],
        ttl_seconds: int = 0,
        model: type[BaseModel] | None = None,
    ) -> Cached:
        """Return the cached answer, or load, store and return it. What `load` raises is raised, and not stored.

        A cached answer that does not fit the `model` is none: it is of an older release, or somebody else's.
        """
        key = generate_cache_key(kind, tenant, *rest)
        tracking = [tracking_key(tenant, kind), tracking_key(tenant, BULK)]
        found, generation = await self._look_up(key, *tracking)
        if isinstance(found, dict) and _fits(found, model):
            _count(hit=True)
            return Cached(found, hit=True)
        if generation is not None:
            _count(hit=False)
        value = await load()
        if generation is not None:
            ttl = ttl_seconds or self._ttl
            try:
                await self._store_if_current(
                    keys=[key, *tracking], args=[json.dumps(value), ttl, *generation]
                )
            except RedisError as error:
                _unserved(error)
        return Cached(value, hit=False)

    async def metrics(self) -> dict[str, Any]:
        """Return this process's hits and misses and the number of keys; what is not known is None, never 0."""
        hits, misses = value_of("cache_hits_total"), value_of("cache_misses_total")
        async with self._counting:
            if time.monotonic() - self._counted_at > COUNT_FRESH_SECONDS:
                self._count = await self._count_keys()
                self._counted_at = time.monotonic()
        return {
            "hit_rate": round(hits / (hits + misses), 4) if hits + misses else None,
            "hits": hits,
            "misses": misses,
            "errors": value_of("cache_errors_total"),
            **self._count,
        }

    async def _look_up(self, key: str, *tracking: str) -> tuple[Any | None, list[bytes | str] | None]:
        """Return the answer or None, and the generations or None where Redis does not serve."""
        try:
            raw, *generation = await self._redis.mget(key, *tracking)
        except RedisError as error:
            _unserved(error)
            return None, None
        try:
            value = None if raw is None else from_json(raw)
        except ValueError:
            value = None
        return value, [mark or b"" for mark in generation]

    async def _count_keys(self) -> dict[str, Any]:
        """Count `cache:*` by SCAN for at most a second; a count that ran out of time says so."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stop, seen, cursor, complete = time.monotonic() + COUNT_BUDGET_SECONDS, set[bytes | str](), 0, False
        try:
            while not complete and time.monotonic() < stop:
                cursor, page = await self._redis.scan(cursor, match="cache:*", count=1000)
                seen.update(page)
                complete = cursor == 0
        except RedisError as error:
            _unserved(error)
            return {
                "total_keys": None,
                "complete": False,
                "as_of": moment,
                "error": "Redis could not be asked",
            }
        return {"total_keys": len(seen), "complete": complete, "as_of": moment, "error": None}


def _fits(value: dict[str, Any], model: type[BaseModel] | None) -> bool:
    if model is None:
        return True
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


def _count(hit: bool) -> None:
    (CACHE_HITS if hit else CACHE_MISSES).inc()


def _unserved(error: RedisError) -> None:
    CACHE_ERRORS.inc()
    _log.warning("cache command not served", extra={"fields": {"error": type(error).__name__}})
