# expect: nothing
"""No timeout on the client, one round the call; a download that is a stream, so no model."""
import asyncio
import logging

import aiohttp
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from media.deps import cache, circuit_breaker, http_session, rate_limited, tenant_id

log = logging.getLogger(__name__)
STREAMED = Counter("streams_total", "Streams begun.")
router = APIRouter()


@router.get("/clips/{clip}", dependencies=[Depends(rate_limited("clip"))], response_class=StreamingResponse)
async def clip(clip: str, tenant: str = Depends(tenant_id), session: aiohttp.ClientSession = Depends(http_session), kept=Depends(cache),
               breaker=Depends(circuit_breaker)):
    body = await kept.get(f"clip:{tenant}:{clip}")
    if body is None:
        try:
            async with asyncio.timeout(5), breaker:
                answer = await session.get(f"/clips/{clip}", headers={"X-Tenant-ID": tenant})
                body = await answer.read()
        except (TimeoutError, aiohttp.ClientError):
            log.warning("no clip for %s", tenant)
            raise HTTPException(502) from None
        await kept.set(f"clip:{tenant}:{clip}", body, ttl=60)
    STREAMED.inc()
    return StreamingResponse(iter([body]))
