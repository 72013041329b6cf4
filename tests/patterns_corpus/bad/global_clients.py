# expect: injection.global_client, config.hardcoded_host, metrics.missing
import logging

import redis.asyncio as redis
from fastapi import APIRouter, Depends, HTTPException

from shop.deps import tenant_id
from shop.models import Session

log = logging.getLogger(__name__)
router = APIRouter()
r = redis.Redis(host="redis.prod.internal", port=6379)


async def limited(tenant: str = Depends(tenant_id)) -> None:
    async with r.pipeline() as pipe:
        pipe.incr(f"rate_limit:{tenant}:session")
        pipe.expire(f"rate_limit:{tenant}:session", 60)
        count, _ = await pipe.execute()
    if count > 10:
        raise HTTPException(429)


@router.post("/sessions", dependencies=[Depends(limited)])
async def open_session(session: Session, tenant: str = Depends(tenant_id)) -> Session:
    await r.set(f"session:{tenant}:{session.id}", session.model_dump_json(), ex=3600)
    log.info("session opened")
    return session
