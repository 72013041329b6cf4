# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker
"""A page made of three services at once: what can be left out is left out and said so, what cannot maps to a status."""

import asyncio
import logging
from typing import Annotated, Any

import httpx
from async_lru import alru_cache
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter, Histogram
from pydantic import BaseModel
from pybreaker import CircuitBreakerError

from bff.breakers import breaker_for
from bff.tenancy import TenantContext, current_tenant

logger = logging.getLogger(__name__)
PARTIAL = Counter("home_partial_total", "Pages without one of their parts.", ["part"])
SECONDS = Histogram("home_seconds", "Seconds for a page.")


class Home(BaseModel):
    profile: dict[str, Any]
    orders: list[dict[str, Any]] | None
    offers: list[dict[str, Any]] | None
    missing: list[str]


class Services:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.cached_offers = alru_cache(maxsize=10_000, ttl=60)(self.offers)

    async def _get(self, service: str, path: str, tenant_id: str) -> Any:
        async with breaker_for(service):
            response = await self._http.get(path, headers={"X-Tenant-ID": tenant_id}, timeout=1.5)
            response.raise_for_status()
        return response.json()

    async def profile(self, tenant_id: str, user_id: str) -> dict[str, Any]:
        return await self._get("profiles", f"/profiles/{user_id}", tenant_id)

    async def orders(self, tenant_id: str, user_id: str) -> list[dict[str, Any]]:
        return await self._get("orders", f"/orders?user={user_id}&limit=5", tenant_id)

    async def offers(self, tenant_id: str) -> list[dict[str, Any]]:
        return await self._get("offers", "/offers?limit=10", tenant_id)


def services(request: Request) -> Services:
    return request.app.state.services


async def or_nothing(part: str, awaitable: Any) -> Any:
    try:
        return await awaitable
    except (httpx.HTTPError, CircuitBreakerError) as error:
        PARTIAL.labels(part).inc()
        logger.warning("home without %s: %s", part, type(error).__name__)
        return None


router = APIRouter(dependencies=[Depends(RateLimiter(times=60, minutes=1))])


@router.get("/home")
@SECONDS.time()
async def home(
    tenant: Annotated[TenantContext, Depends(current_tenant)], backend: Annotated[Services, Depends(services)]
) -> Home:
    try:
        async with asyncio.TaskGroup() as group:
            profile = group.create_task(backend.profile(tenant.id, tenant.user_id))
            orders = group.create_task(or_nothing("orders", backend.orders(tenant.id, tenant.user_id)))
            offers = group.create_task(or_nothing("offers", backend.cached_offers(tenant.id)))
    except* httpx.TimeoutException:
        raise HTTPException(504, "the profile is late") from None
    except* (httpx.HTTPError, CircuitBreakerError):
        raise HTTPException(502, "the profile could not be read") from None
    parts = {"orders": orders.result(), "offers": offers.result()}
    return Home(profile=profile.result(), missing=[name for name, part in parts.items() if part is None], **parts)
