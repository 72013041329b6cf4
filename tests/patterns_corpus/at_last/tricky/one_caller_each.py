# expect: caching.key_without_tenant
# present: rate_limiting, multi_tenancy, logging, metrics
# absent: caching
"""Two decorators that cache: one is told the tenant, the other one's template leaves it out; lru_cache holds settings only."""

import logging
from functools import lru_cache
from typing import Annotated

from cashews import cache
from fastapi import APIRouter, Depends, Query
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from insight.deps import Warehouse, get_warehouse, require_tenant

logger = logging.getLogger(__name__)
READ = Counter("insight_reads_total", "Reads.")
Tenant = Annotated[str, Depends(require_tenant)]
Data = Annotated[Warehouse, Depends(get_warehouse)]
router = APIRouter(prefix="/insight", dependencies=[Depends(RateLimiter(times=10, seconds=1))])


class Settings(BaseSettings):
    days: int = 30


@lru_cache
def settings() -> Settings:
    return Settings()


class Figure(BaseModel):
    name: str
    value: float


@cache(ttl="1m", key="revenue:{tenant}:{days}")
async def revenue_of(data: Warehouse, tenant: str, days: int) -> float:
    return await data.revenue(tenant, days)


@cache(ttl="1m", key="visits:{days}")  # fires: caching.key_without_tenant
async def visits_of(data: Warehouse, tenant: str, days: int) -> float:
    return await data.visits(tenant, days)


@router.get("/revenue")
async def revenue(tenant: Tenant, data: Data, config: Annotated[Settings, Depends(settings)]) -> Figure:
    READ.inc()
    logger.info("revenue of %s", tenant)
    return Figure(name="revenue", value=await revenue_of(data, tenant, config.days))


@router.get("/visits")
async def visits(tenant: Tenant, data: Data, days: Annotated[int, Query(ge=1, le=90)] = 30) -> Figure:
    READ.inc()
    return Figure(name="visits", value=await visits_of(data, tenant, days))
