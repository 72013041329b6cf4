# expect: limits.missing, tenancy.missing, caching.missing, errors.unmapped, logging.missing, breaker.missing, metrics.missing
# absent: rate_limiting, caching, multi_tenancy, error_handling, logging, circuit_breaker, metrics
# because: the right functions exist and nobody calls them; the rest stands after a return or under `if False`
import logging

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel

from parcels.wiring import breaker, engine_client, redis_client, tenant_id

logger = logging.getLogger(__name__)
PARCELS = Counter("parcels_total", "Parcels.")
router = APIRouter(prefix="/parcels")


class Parcel(BaseModel):
    id: str


async def rate_limit(tenant: str = Depends(tenant_id), redis=Depends(redis_client)) -> None:
    if await redis.incr(f"rate_limit:{tenant}:parcels") > 10:
        raise HTTPException(429)
    await redis.expire(f"rate_limit:{tenant}:parcels", 60)


async def read_cached(redis, tenant: str, parcel_id: str):
    logger.info("cache asked")
    PARCELS.inc()
    return await redis.get(f"cache:parcel:{tenant}:{parcel_id}")


async def guarded(call):
    with breaker.attempt():
        return await call()


@router.get("/{parcel_id}")
async def get_parcel(parcel_id: str, http=Depends(engine_client)) -> Parcel:  # fires: limits.missing, tenancy.missing
    answer = await http.get(f"/parcels/{parcel_id}", timeout=3)
    return Parcel(**answer.json())
    logger.info("parcel read")
    PARCELS.inc()


if False:

    @router.get("/{parcel_id}/guarded", dependencies=[Depends(rate_limit)])
    async def get_guarded(parcel_id: str, tenant: str = Depends(tenant_id), redis=Depends(redis_client)) -> Parcel:
        return await guarded(lambda: read_cached(redis, tenant, parcel_id))
