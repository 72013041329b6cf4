# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker
"""A loop of attempts that catches, waits and at last raises; a sleep of trio's; a default that is a tuple; a getter named set."""

import logging
import random
from typing import Annotated

import anyio
import httpx
from fastapi import APIRouter, Depends, HTTPException, Response
from prometheus_client import Counter
from pydantic import BaseModel

from flights.deps import Breaker, ResponseCache, breaker, cache, engine_client, limited, tenant_header

logger = logging.getLogger(__name__)
RETRIED = Counter("flights_retries_total", "Second attempts.")
RETRYABLE = (httpx.ConnectError, httpx.ReadTimeout)
Tenant = Annotated[str, Depends(tenant_header)]
router = APIRouter(prefix="/flights", dependencies=[Depends(limited("flights"))])


class Flight(BaseModel):
    number: str
    gate: str | None


async def persistently(http: httpx.AsyncClient, path: str, tenant: str, waits: tuple[float, ...] = (0.05, 0.2)) -> httpx.Response:
    for wait in (*waits, None):
        try:
            return await http.get(path, headers={"X-Tenant-ID": tenant}, timeout=1.0)
        except RETRYABLE:
            if wait is None:
                raise
            RETRIED.inc()
            await anyio.sleep(wait * random.uniform(0.5, 1.5))
    raise RuntimeError("unreachable")


@router.get("/{number}")
async def flight(
    number: str,
    tenant: Tenant,
    response: Response,
    guard: Annotated[Breaker, Depends(breaker)],
    kept: Annotated[ResponseCache, Depends(cache)],
    http: Annotated[httpx.AsyncClient, Depends(engine_client)],
) -> Flight:
    async def load() -> dict:
        async with guard.protect():
            answer = await persistently(http, f"/flights/{number}", tenant)
            answer.raise_for_status()
            return answer.json()

    try:
        found = await kept.remember(("flight", tenant, number), load, seconds=20)
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        raise HTTPException(404 if code == 404 else 502, "no such flight" if code == 404 else "flights failed") from None
    except httpx.TimeoutException:
        raise HTTPException(504, "flights are late") from None
    except httpx.TransportError as error:
        logger.warning("flights: %s", type(error).__name__)
        raise HTTPException(502, "flights could not be reached") from None
    response.headers["Cache-Control"] = "private, max-age=20"
    return Flight(**found)
