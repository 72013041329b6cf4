# expect: caching.no_invalidation, metrics.missing
"""The limiter reads Redis too, and a lock is deleted: neither is caching nor invalidation."""
import logging

from fastapi import APIRouter, Depends, HTTPException

from shop.deps import catalogue, redis_client, tenant_id
from shop.models import Toy

log = logging.getLogger(__name__)
router = APIRouter(prefix="/toys")


async def within(redis=Depends(redis_client), tenant: str = Depends(tenant_id)) -> None:
    used = int(await redis.get(f"rate_limit:{tenant}:toys") or 0)
    if used >= 100:
        raise HTTPException(429)
    await redis.set(f"rate_limit:{tenant}:toys", 0, ex=60, nx=True)
    await redis.incr(f"rate_limit:{tenant}:toys")


@router.get("/{toy_id}", dependencies=[Depends(within)])
async def toy(toy_id: str, tenant: str = Depends(tenant_id), redis=Depends(redis_client), store=Depends(catalogue)) -> Toy:
    raw = await redis.get(f"cache:toy:{tenant}:{toy_id}")
    if raw:
        return Toy.model_validate_json(raw)
    found = await store.toy(tenant, toy_id)
    await redis.set(f"cache:toy:{tenant}:{toy_id}", found.model_dump_json(), ex=60)
    return found


@router.put("/{toy_id}", dependencies=[Depends(within)])
async def change_toy(toy_id: str, toy: Toy, tenant: str = Depends(tenant_id), redis=Depends(redis_client), store=Depends(catalogue)) -> Toy:
    await redis.set(f"lock:{tenant}:{toy_id}", 1, ex=5, nx=True)
    changed = await store.change(tenant, toy_id, toy)
    await redis.delete(f"lock:{tenant}:{toy_id}")
    log.info("toy changed for %s", tenant)
    return changed
