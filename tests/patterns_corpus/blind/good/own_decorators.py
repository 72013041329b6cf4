# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, dependency_injection, logging, metrics
# because: four decorators defined in the file limit, keep, translate and count; the routes hold only the question
import functools
import logging

import httpx
from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel

from maps.wiring import Kit, kit_of_app, tenant_id

log = logging.getLogger(__name__)
CALLS = Counter("maps_calls_total", "Calls.", ["route"])
router = APIRouter(prefix="/maps")


def limited(per_minute: int):
    def wrap(route):
        @functools.wraps(route)
        async def inner(*args, tenant: str, kit: Kit, **rest):
            wait = await kit.window(f"limit:{tenant}:{route.__name__}", per_minute, seconds=60)
            if wait:
                raise HTTPException(429, "too many requests", headers={"Retry-After": str(wait)})
            return await route(*args, tenant=tenant, kit=kit, **rest)

        return inner

    return wrap


def kept(seconds: int):
    def wrap(route):
        @functools.wraps(route)
        async def inner(*args, tenant: str, kit: Kit, **rest):
            key = ":".join(["maps", tenant, route.__name__, *map(str, rest.values())])
            found = await kit.redis.get(key)
            if found is not None:
                return Place.model_validate_json(found)
            fresh = await route(*args, tenant=tenant, kit=kit, **rest)
            await kit.redis.set(key, fresh.model_dump_json(), ex=seconds)
            return fresh

        return inner

    return wrap


def translated(route):
    @functools.wraps(route)
    async def inner(*args, **rest):
        try:
            async with kit_breaker(rest["kit"]):
                return await route(*args, **rest)
        except httpx.TimeoutException:
            log.warning("maps slow")
            raise HTTPException(504, "the map service is slow") from None
        except httpx.HTTPError:
            log.warning("maps failed")
            raise HTTPException(502, "the map service failed") from None

    return inner


def counted(route):
    @functools.wraps(route)
    async def inner(*args, **rest):
        CALLS.labels(route.__name__).inc()
        return await route(*args, **rest)

    return inner


def kit_breaker(kit: Kit):
    return kit.circuit_breaker.guard()


class Place(BaseModel):
    name: str
    lat: float
    lon: float


@router.get("/places/{name}")
@counted
@limited(60)
@kept(300)
@translated
async def place(name: str, tenant: str = Depends(tenant_id), kit: Kit = Depends(kit_of_app)) -> Place:
    answer = await kit.http.get(f"/places/{name}", headers={"X-Tenant-ID": tenant}, timeout=3)
    answer.raise_for_status()
    return Place(**answer.json())
