# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker, dependency_injection
"""Ports and adapters in one file: a protocol, a caching adapter round a guarded one, errors of the domain mapped once."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Annotated, Protocol

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shipping.breaker import AsyncBreaker, BreakerOpen
from shipping.identity import Tenant, tenant_from_header

logger = logging.getLogger(__name__)
TRACKED = Counter("parcels_tracked_total", "Parcels tracked.", ["source"])


class Parcel(BaseModel):
    number: str
    state: str


class ParcelUnknown(LookupError):
    pass


class CarrierDown(RuntimeError):
    pass


class Carrier(Protocol):
    async def track(self, tenant: Tenant, number: str) -> Parcel: ...


class HttpCarrier:
    def __init__(self, http: httpx.AsyncClient, breaker: AsyncBreaker) -> None:
        self._http, self._breaker = http, breaker

    async def track(self, tenant: Tenant, number: str) -> Parcel:
        try:
            async with self._breaker:
                response = await self._http.get(f"/track/{number}", headers={"X-Tenant-ID": tenant.id}, timeout=2)
                if response.status_code == 404:
                    raise ParcelUnknown(number)
                response.raise_for_status()
        except (httpx.HTTPError, BreakerOpen) as error:
            raise CarrierDown(type(error).__name__) from error
        return Parcel.model_validate_json(response.content)


class CachingCarrier:
    def __init__(self, inner: Carrier, redis: Redis) -> None:
        self._inner, self._redis = inner, redis

    async def track(self, tenant: Tenant, number: str) -> Parcel:
        key = f"cache:parcel:{tenant.id}:{number}"
        try:
            if raw := await self._redis.get(key):
                TRACKED.labels("cache").inc()
                return Parcel.model_validate_json(raw)
        except RedisError:
            logger.warning("cache not readable")
        parcel = await self._inner.track(tenant, number)
        TRACKED.labels("carrier").inc()
        with contextlib.suppress(RedisError):
            await self._redis.set(key, parcel.model_dump_json(), ex=120)
        return parcel


def carrier(request: Request) -> Carrier:
    state = request.app.state
    return CachingCarrier(HttpCarrier(state.http, state.breaker), state.redis)


@contextlib.contextmanager
def answered() -> Iterator[None]:
    try:
        yield
    except ParcelUnknown:
        raise HTTPException(404, "no such parcel") from None
    except CarrierDown as error:
        logger.warning("carrier down: %s", error)
        raise HTTPException(503, "the carrier is down", headers={"Retry-After": "15"}) from error


router = APIRouter(prefix="/parcels", dependencies=[Depends(RateLimiter(times=5, seconds=1))])


@router.get("/{number}", response_model=Parcel)
async def track(
    number: str,
    tenant: Annotated[Tenant, Depends(tenant_from_header)],
    via: Annotated[Carrier, Depends(carrier)],
):
    with answered():
        return await via.track(tenant, number)
