# expect: timeouts.missing
# present: rate_limiting, multi_tenancy, circuit_breaker, error_handling
# absent: timeouts
"""asyncio.timeout and wait_for bound a session without a timeout; the sync client with timeout=None is not bounded."""

import asyncio
import logging
from typing import Annotated

import aiohttp
import httpx
from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel

from geo.deps import breaker, geo_session, geo_sync, limited, response_cache, tenant_id

logger = logging.getLogger(__name__)
FOUND = Counter("geo_found_total", "Places found.")
Tenant = Annotated[str, Depends(tenant_id)]
Session = Annotated[aiohttp.ClientSession, Depends(geo_session)]
router = APIRouter(prefix="/geo", dependencies=[Depends(limited("geo"))])


class Place(BaseModel):
    lat: float
    lon: float


async def look_up(session: aiohttp.ClientSession, tenant: str, name: str) -> dict:
    async with session.get("/search", params={"q": name}, headers={"X-Tenant-ID": tenant}) as answer:
        answer.raise_for_status()
        return await answer.json()


@router.get("/places/{name}")
async def place(name: str, tenant: Tenant, session: Session, cache=Depends(response_cache)) -> Place:
    key = f"geo:{tenant}:{name}"
    if hit := await cache.get(key):
        return Place(**hit)
    try:
        async with breaker("geo"):
            found = await asyncio.wait_for(look_up(session, tenant, name), timeout=2)
    except TimeoutError:
        raise HTTPException(504, "geo is slow") from None
    except aiohttp.ClientError as error:
        logger.warning("geo: %s", type(error).__name__)
        raise HTTPException(502, "geo failed") from None
    await cache.set(key, found, ttl=3600)
    FOUND.inc()
    return Place(**found)


@router.get("/reverse")
def reverse(lat: float, lon: float, tenant: Tenant, http: Annotated[httpx.Client, Depends(geo_sync)]) -> Place:
    try:
        with breaker("geo"):
            answer = http.get("/reverse", params={"lat": lat, "lon": lon}, headers={"X-Tenant-ID": tenant}, timeout=None)  # fires: timeouts.missing
            answer.raise_for_status()
    except httpx.HTTPError:
        raise HTTPException(502, "geo failed") from None
    return Place.model_validate(answer.json())
