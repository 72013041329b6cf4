# expect: caching.no_ttl
# present: rate_limiting, multi_tenancy, logging, metrics, pagination
# absent: caching
"""Carts are kept in Redis on purpose without an end; the rendered summary beside them is a cache and should have one."""

import json
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from carts.tenancy import tenant_id

logger = logging.getLogger(__name__)
CHANGED = Counter("carts_changed_total", "Carts changed.")
Tenant = Annotated[str, Depends(tenant_id)]
router = APIRouter(prefix="/carts", dependencies=[Depends(RateLimiter(times=20, seconds=10))])


class Line(BaseModel):
    sku: str = Field(max_length=40)
    quantity: int = Field(ge=1, le=99)


class Summary(BaseModel):
    lines: int
    pieces: int


def store(request: Request) -> Redis:
    return request.app.state.redis


Store = Annotated[Redis, Depends(store)]


@router.put("/{cart_id}/lines/{sku}", status_code=204)
async def put_line(cart_id: str, sku: str, line: Line, tenant: Tenant, redis: Store) -> None:
    await redis.hset(f"cart:{tenant}:{cart_id}", sku, line.quantity)
    await redis.set(f"cart:{tenant}:{cart_id}:owner", tenant)
    await redis.delete(f"cache:cart_summary:{tenant}:{cart_id}")
    CHANGED.inc()
    logger.info("cart %s changed", cart_id)


@router.get("/{cart_id}/summary")
async def summary(cart_id: str, tenant: Tenant, redis: Store) -> Summary:
    key = f"cache:cart_summary:{tenant}:{cart_id}"
    if raw := await redis.get(key):
        return Summary(**json.loads(raw))
    lines = await redis.hgetall(f"cart:{tenant}:{cart_id}")
    if not lines:
        raise HTTPException(404, "no such cart")
    made = Summary(lines=len(lines), pieces=sum(int(quantity) for quantity in lines.values()))
    await redis.set(key, made.model_dump_json())  # fires: caching.no_ttl
    return made
