# expect: injection.client_per_request, injection.global_client, timeouts.missing, config.hardcoded_host, errors.swallowed, breaker.missing, caching.missing
# present: rate_limiting, multi_tenancy, logging, metrics
# absent: dependency_injection, timeouts, configuration, circuit_breaker
"""A client per request without a limit of time, a Mongo client at import, weather from a fixed address, {} for failures."""

import logging
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Header, Path
from motor.motor_asyncio import AsyncIOMotorClient
from prometheus_client import Counter
from pydantic import BaseModel

from weather.limits import rate_limiter

log = logging.getLogger(__name__)
READ = Counter("weather_reads_total", "Reads.")
BASE_URL = "http://weather-internal.prod.svc.cluster.local:9000"  # fires: config.hardcoded_host
mongo = AsyncIOMotorClient("mongodb://db:27017")  # fires: injection.global_client, config.hardcoded_host

router = APIRouter(prefix="/weather")


class Weather(BaseModel):
    celsius: float | None = None


async def get_tenant(x_tenant_id: Annotated[str, Header(pattern="^[a-z0-9_]{1,40}$")]) -> str:
    return x_tenant_id


@router.get("/{city}", response_model=Weather, dependencies=[Depends(rate_limiter("weather"))])
# fires below: breaker.missing, caching.missing
async def weather(city: Annotated[str, Path(max_length=60)], tenant: Annotated[str, Depends(get_tenant)]):
    READ.inc()
    log.info("weather of %s", city)
    try:
        async with httpx.AsyncClient(base_url=BASE_URL, timeout=None) as client:  # fires: injection.client_per_request, timeouts.missing
            response = await client.get(f"/{city}", headers={"X-Tenant-ID": tenant})
            await mongo.weather.reads.insert_one({"tenant": tenant, "city": city})
            return response.json()
    except Exception:  # fires: errors.swallowed
        return {}
