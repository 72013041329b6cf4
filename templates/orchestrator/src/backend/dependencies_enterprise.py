"""What a router asks for: the tenant, its limits, the caches, Redis and the AI Engine.

A router names a type (`tenant: Tenant`, `cache: Cache`) and a limit (`Depends(rate_limited("chat"))`); tests replace
the functions behind them with `app.dependency_overrides`.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from fastapi import Depends, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel
from redis.asyncio import Redis

from backend.config.services_new import services
from backend.utils.cache_coherence import CacheCoherenceManager
from backend.utils.cache_manager import CacheManager
from backend.utils.rate_limiter import WINDOW_SECONDS, EnterpriseRateLimiter
from backend.utils.upstream import EngineClient

# Printable ASCII but space and the characters that mean something to SCAN, 1 to 64 of them, no colon at either end.
_TENANT = re.compile(r"(?!:)[!-)+->@-Z^-~]{1,64}(?<!:)")
_TENANT_RULE = "1 to 64 printable ASCII characters, no space, none of * ? [ ] \\, no colon at either end"


def is_valid_tenant(tenant: str) -> bool:
    """Return whether a tenant id can stand in key names, patterns and labels."""
    return _TENANT.fullmatch(tenant) is not None


async def _check_tenant(x_tenant_id: Annotated[str | None, Header()] = None) -> str:
    if x_tenant_id is None:
        raise HTTPException(400, "the header X-Tenant-ID is required")
    if not is_valid_tenant(x_tenant_id):
        raise HTTPException(400, f"X-Tenant-ID must be {_TENANT_RULE}")
    return x_tenant_id


async def get_tenant_id(
    checked: Annotated[str, Depends(_check_tenant)],
    x_tenant_id: Annotated[str, Header(description=f"The tenant: {_TENANT_RULE}")],
) -> str:
    """Return the caller's tenant; 400 without a valid X-Tenant-ID.

    The check comes first, so a missing one is answered 400; the header of this function is what OpenAPI describes.
    """
    return checked


def _from_state(request: Request, name: str) -> Any:
    """Return what start-up made; 503 before and after the application runs."""
    found = getattr(request.app.state, name, None)
    if found is None:
        raise HTTPException(503, "the gateway is not running")
    return found


async def get_redis_cache(request: Request) -> Redis:
    """Return the gateway's Redis client (bytes in, bytes out)."""
    client: Redis = _from_state(request, "redis")
    return client


async def get_http_client(request: Request) -> httpx.AsyncClient:
    """Return the guarded client for the AI Engine; URLs come from `services.get_service_url("ai_engine")`."""
    client: httpx.AsyncClient = _from_state(request, "http")
    return client


async def get_cache_manager(request: Request) -> CacheManager:
    """Return the gateway's cache."""
    manager: CacheManager = _from_state(request, "cache")
    return manager


Tenant = Annotated[str, Depends(get_tenant_id)]
RedisCache = Annotated[Redis, Depends(get_redis_cache)]
HttpClient = Annotated[httpx.AsyncClient, Depends(get_http_client)]
Cache = Annotated[CacheManager, Depends(get_cache_manager)]


async def get_coherence_manager(redis: RedisCache) -> CacheCoherenceManager:
    """Return the invalidation of the gateway's caches."""
    return CacheCoherenceManager(redis)


async def get_rate_limiter(redis: RedisCache) -> EnterpriseRateLimiter:
    """Return the limiter."""
    return EnterpriseRateLimiter(redis)


async def get_engine(http: HttpClient) -> EngineClient:
    """Return the AI Engine."""
    return EngineClient(http, services.get_service_url("ai_engine"))


Coherence = Annotated[CacheCoherenceManager, Depends(get_coherence_manager)]
Limiter = Annotated[EnterpriseRateLimiter, Depends(get_rate_limiter)]
Engine = Annotated[EngineClient, Depends(get_engine)]


def rate_limited(operation: str) -> Callable[..., Awaitable[None]]:
    """Return the dependency that counts a request as `operation`; 429 with Retry-After above the tenant's limit."""

    async def count_request(tenant: Tenant, limiter: Limiter, response: Response) -> None:
        result = await limiter.check(tenant, operation)
        if not result.allowed:
            raise HTTPException(
                429,
                f"limit of {result.limit} {operation} requests in {WINDOW_SECONDS} s reached; "
                f"retry in {result.retry_after} s",
                headers={"Retry-After": str(result.retry_after)},
            )
        if result.count is not None:
            response.headers["X-RateLimit-Limit"] = str(result.limit)
            response.headers["X-RateLimit-Remaining"] = str(result.limit - result.count)

    return count_request


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: `limit` items (1 to 200) after the first `offset`."""

    limit: int
    offset: int

    def as_query(self) -> dict[str, int]:
        """Return the query parameters that say the same to the engine."""
        return {"limit": self.limit, "offset": self.offset}


async def get_page(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Page:
    """Return the part of a list that is asked for; FastAPI would call the class itself in a thread."""
    return Page(limit, offset)


Paging = Annotated[Page, Depends(get_page)]


class Failure(BaseModel):
    """What a caller is told of a failure: words, or what is wrong with each field."""

    detail: Any


_WAIT = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
_MEANINGS = {
    400: "The tenant's header is missing or no tenant id, or the request was refused",
    404: "There is no such thing, or it is another tenant's",
    409: "It conflicts with what is kept",
    413: "Too much was sent",
    429: "The tenant's limit is reached",
    502: "What the gateway asked failed, or answered wrongly",
    503: "What the gateway needs is not available",
    504: "What the gateway asked did not answer in time",
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these statuses, for `responses=` of a router or a route."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        found[status] = {"model": Failure, "description": _MEANINGS[status]}
        if status in (429, 503):
            found[status]["headers"] = _WAIT
    return found


def store_failure(error: OSError) -> HTTPException:
    """Return what a caller is told when the gateway's own store is late or away."""
    if isinstance(error, TimeoutError):
        return HTTPException(504, "the store did not answer in time")
    return HTTPException(503, "the store is not available")
