# expect: limits.missing, breaker.missing, metrics.missing
"""429 is the upstream's answer here, and incr counts visits: neither is a limit."""
import logging

import httpx
from fastapi import APIRouter, Depends, HTTPException

from shop.deps import http_client, redis_client, tenant_id
from shop.models import Chat

log = logging.getLogger(__name__)
router = APIRouter()


@router.post("/chat")
async def chat(message: Chat, tenant: str = Depends(tenant_id), client: httpx.AsyncClient = Depends(http_client), redis=Depends(redis_client)) -> Chat:
    await redis.incr(f"visits:{tenant}")
    try:
        answer = await client.post("/chat", json=message.model_dump(), headers={"X-Tenant-ID": tenant})
    except httpx.HTTPError:
        raise HTTPException(502) from None
    if answer.status_code == 429:
        log.warning("the engine is busy")
        raise HTTPException(429, "the engine is busy")
    return Chat(**answer.json())
