"""What takes the place of the reference gateway's own definitions in a project that starts without it.

There the clients are made at start-up. Here the application knows nothing of them: the first request that needs one
makes it, and the application keeps it.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import prometheus_client
from backend.clients import open_http, open_redis
from backend.config.services_new import services
from backend.config.settings import load_settings
from backend.utils.cache_manager import CacheManager
from fastapi import Depends, Request
from redis.asyncio import Redis

REGISTRY = prometheus_client.REGISTRY


def value_of(name: str) -> int:
    """Return what an unlabelled counter stands at in this process."""
    return int(REGISTRY.get_sample_value(name) or 0)


def made_once(request: Request, name: str, make: Callable[[], Any]) -> Any:
    """Return what the application keeps under a name; it is made at the first request, and anew for another loop."""
    loop, state = asyncio.get_running_loop(), request.app.state
    kept = getattr(state, f"optimus_{name}", None)
    if kept is None or kept[0] is not loop:
        kept = (loop, make())
        setattr(state, f"optimus_{name}", kept)
    return kept[1]


async def get_redis_cache(request: Request) -> Redis:
    """Return the client of Redis at REDIS_URL (bytes in, bytes out)."""
    client: Redis = made_once(request, "redis", lambda: open_redis(services.get_service_url("redis")))
    return client


async def get_http_client(request: Request) -> httpx.AsyncClient:
    """Return the guarded client for the AI Engine; URLs come from `services.get_service_url("ai_engine")`."""
    client: httpx.AsyncClient = made_once(request, "http", lambda: open_http(load_settings()))
    return client


RedisCache = Annotated[Redis, Depends(get_redis_cache)]


async def get_cache_manager(request: Request, redis: RedisCache) -> CacheManager:
    """Return the application's cache."""
    seconds = load_settings().cache_ttl_seconds
    manager: CacheManager = made_once(request, "cache", lambda: CacheManager(redis, seconds))
    return manager
