# expect: caching.key_without_tenant, limits.key_without_tenant, limits.no_expiry, caching.no_ttl, metrics.missing
# present: multi_tenancy, logging
# absent: rate_limiting, caching, metrics
"""Every tenant has its header checked, and they all share one dashboard and one counter."""

import json
import logging

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from pydantic import BaseModel
from redis.asyncio import Redis

from reports.store import Reports, get_reports

log = logging.getLogger("reports")
router = APIRouter(prefix="/reports")
KEY = "cache:dashboard"


class Dashboard(BaseModel):
    orders: int
    revenue_cents: int


async def tenant_id(x_tenant_id: str = Header(...)) -> str:
    if not x_tenant_id.isidentifier():
        raise HTTPException(400, "X-Tenant-ID is no tenant")
    return x_tenant_id


async def redis(request: Request) -> Redis:
    return request.app.state.redis


async def limited(cache: Redis = Depends(redis)) -> None:
    used = await cache.incr("rate_limit:dashboard")  # fires: limits.key_without_tenant, limits.no_expiry
    if used > 1000:
        raise HTTPException(429, "too many", headers={"Retry-After": "60"})


@router.get("/dashboard", dependencies=[Depends(limited)])
# fires below: metrics.missing
async def dashboard(
    tenant: str = Depends(tenant_id), cache: Redis = Depends(redis), reports: Reports = Depends(get_reports)
) -> Dashboard:
    found = await cache.get(KEY)  # fires: caching.key_without_tenant
    if found:
        return Dashboard(**json.loads(found))
    made = await reports.dashboard(tenant)
    await cache.set(KEY, made.model_dump_json())  # fires: caching.no_ttl, caching.key_without_tenant
    log.info("dashboard made for %s", tenant)
    return made
