# expect: errors.swallowed
# present: rate_limiting, multi_tenancy, circuit_breaker, metrics
# absent: error_handling
"""A stream may have no read limit if it has one to connect; cancellation may be suppressed, not everything."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse
from prometheus_client import Gauge
from pydantic import BaseModel, Field

from llm.deps import CircuitBreaker, get_breaker, get_http, rate_limiter, require_tenant

logger = logging.getLogger(__name__)
STREAMS = Gauge("llm_streams", "Open streams.")
PATIENT = httpx.Timeout(5.0, read=None)
Tenant = Annotated[str, Depends(require_tenant)]
router = APIRouter(prefix="/completions", dependencies=[Depends(rate_limiter("completions"))])


class Prompt(BaseModel):
    text: str = Field(min_length=1, max_length=8000)


async def heartbeat(queue: asyncio.Queue[bytes]) -> None:
    while True:
        await asyncio.sleep(15)
        await queue.put(b": ping\n\n")


@router.post("", response_class=StreamingResponse)
async def complete(
    prompt: Prompt,
    tenant: Tenant,
    request: Request,
    http: Annotated[httpx.AsyncClient, Depends(get_http)],
    breaker: Annotated[CircuitBreaker, Depends(get_breaker)],
) -> StreamingResponse:
    upstream = http.build_request(
        "POST", "/v1/completions", json=prompt.model_dump(), headers={"X-Tenant-ID": tenant}, timeout=PATIENT
    )
    try:
        async with breaker:
            answer = await http.send(upstream, stream=True)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        logger.warning("completion failed: %s", type(error).__name__)
        raise HTTPException(502, "the model could not be asked") from None

    async def events() -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=10)
        beating = asyncio.create_task(heartbeat(queue))
        STREAMS.inc()
        try:
            async for chunk in answer.aiter_bytes():
                if await request.is_disconnected():
                    break
                yield chunk
        finally:
            STREAMS.dec()
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            try:
                await answer.aclose()
            except Exception:  # fires: errors.swallowed
                pass

    return StreamingResponse(events(), media_type="text/event-stream")
