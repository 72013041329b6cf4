# expect: caching.missing, breaker.missing, errors.unmapped, metrics.missing
"""The cache class can be seen, and caches nothing; the breaker is a name."""
import logging

import httpx
from fastapi import APIRouter, Depends

from shop.deps import http_client, rate_limited, tenant_id
from shop.models import Flight

log = logging.getLogger(__name__)
router = APIRouter()


class FlightCache:
    async def get(self, key: str) -> None:
        return None

    async def put(self, key: str, value: object) -> None:
        pass


class CircuitBreaker:
    """Later."""


cache = FlightCache()
breaker = CircuitBreaker()


@router.get("/flights/{number}", dependencies=[Depends(rate_limited("flight"))])
async def flight(number: str, tenant: str = Depends(tenant_id), client: httpx.AsyncClient = Depends(http_client)) -> Flight:
    await cache.get(f"flight:{tenant}:{number}")
    log.info("flight for %s", tenant)
    answer = await client.get(f"/flights/{number}", headers={"X-Tenant-ID": tenant})
    return Flight(**answer.json())
