# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, dependency_injection, logging, circuit_breaker
# because: limit, deadline, breaker and translation are async context managers entered by the routes
import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from fastapi import APIRouter, Depends, HTTPException
from purgatory import AsyncCircuitBreakerFactory
from pydantic import BaseModel, ConfigDict

from speech.metrics import observe_duration
from speech.wiring import Buckets, Shelf, breakers, buckets, session, shelf, verified_tenant

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/speech")


class Utterance(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    voice: str = "ada"


class Sound(BaseModel):
    url: str
    seconds: float


@asynccontextmanager
async def a_turn(tenant: str, all_buckets: Buckets) -> AsyncIterator[None]:
    taken = await all_buckets.take(f"bucket:{tenant}:speech")
    if not taken.granted:
        raise HTTPException(status_code=429, detail="wait", headers={"Retry-After": str(taken.wait)})
    yield


@asynccontextmanager
async def patience(tenant: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(4):
            yield
    except TimeoutError:
        logger.warning("speech slow", extra={"tenant": tenant})
        raise HTTPException(504, "the voice took too long") from None
    except aiohttp.ClientError:
        logger.warning("speech failed", extra={"tenant": tenant})
        raise HTTPException(502, "the voice failed") from None


@router.get("/{utterance_id}")
async def sound(
    utterance_id: str,
    tenant: str = Depends(verified_tenant),
    all_buckets: Buckets = Depends(buckets),
    kept: Shelf = Depends(shelf),
    web: aiohttp.ClientSession = Depends(session),
    circuits: AsyncCircuitBreakerFactory = Depends(breakers),
) -> Sound:
    async with a_turn(tenant, all_buckets), observe_duration("speech"):
        if (found := await kept.get(f"sound:{tenant}:{utterance_id}")) is not None:
            return Sound(**found)
        async with patience(tenant), await circuits.get_breaker("voice"):
            async with web.get(f"/sounds/{utterance_id}", headers={"X-Tenant-ID": tenant}) as answer:
                fresh = Sound(**await answer.json())
        await kept.set(f"sound:{tenant}:{utterance_id}", fresh.model_dump(), ttl=600)
        return fresh


@router.post("/{utterance_id}")
async def say(
    utterance_id: str,
    said: Utterance,
    tenant: str = Depends(verified_tenant),
    all_buckets: Buckets = Depends(buckets),
    kept: Shelf = Depends(shelf),
    web: aiohttp.ClientSession = Depends(session),
    circuits: AsyncCircuitBreakerFactory = Depends(breakers),
) -> Sound:
    async with a_turn(tenant, all_buckets), patience(tenant), await circuits.get_breaker("voice"):
        async with web.post(
            f"/sounds/{utterance_id}", json=said.model_dump(), headers={"X-Tenant-ID": tenant}
        ) as answer:
            made = Sound(**await answer.json())
    await kept.delete(f"sound:{tenant}:{utterance_id}")
    logger.info("said", extra={"tenant": tenant})
    return made
