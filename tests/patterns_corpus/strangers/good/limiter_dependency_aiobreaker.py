# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker, metrics
"""fastapi-limiter, redis.asyncio by hand, httpx from app.state, tenacity inside aiobreaker."""

from __future__ import annotations

import datetime as dt
import os
from typing import Annotated

import httpx
import redis.asyncio as aioredis
import structlog
from aiobreaker import CircuitBreaker, CircuitBreakerError
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Request, status
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Histogram
from pydantic import BaseModel, ConfigDict
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

log = structlog.get_logger()
PRICING = os.environ["PRICING_BASE_URL"]
QUOTE_SECONDS = Histogram("quote_seconds", "How long a quote takes.")
breaker = CircuitBreaker(fail_max=5, timeout_duration=dt.timedelta(seconds=30))


class Quote(BaseModel):
    model_config = ConfigDict(extra="ignore")
    sku: str
    amount_cents: int
    currency: str


async def tenant(x_tenant_id: Annotated[str, Header(min_length=3, max_length=40, pattern=r"^[a-z0-9-]+$")]) -> str:
    return x_tenant_id


async def by_tenant(request: Request) -> str:
    return f"{request.headers['x-tenant-id']}:{request.scope['path']}"


def http_client(request: Request) -> httpx.AsyncClient:
    return request.app.state.pricing_http


def redis_client(request: Request) -> aioredis.Redis:
    return request.app.state.redis


@breaker
@retry(
    retry=retry_if_exception_type(httpx.ConnectError),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(max=2),
    reraise=True,
)
async def ask_pricing(http: httpx.AsyncClient, tenant_id: str, sku: str) -> Quote:
    response = await http.get(f"{PRICING}/quotes/{sku}", headers={"X-Tenant-ID": tenant_id}, timeout=2.5)
    if response.status_code == status.HTTP_404_NOT_FOUND:
        raise HTTPException(404, "no such product")
    response.raise_for_status()
    return Quote.model_validate_json(response.content)


router = APIRouter(
    prefix="/quotes",
    dependencies=[Depends(RateLimiter(times=60, seconds=60, identifier=by_tenant))],
)


@router.get("/{sku}", response_model=Quote)
async def quote(
    sku: Annotated[str, Path(max_length=32)],
    tenant_id: Annotated[str, Depends(tenant)],
    http: Annotated[httpx.AsyncClient, Depends(http_client)],
    cache: Annotated[aioredis.Redis, Depends(redis_client)],
):
    key = f"quote:{tenant_id}:{sku}"
    if (raw := await cache.get(key)) is not None:
        return Quote.model_validate_json(raw)
    try:
        with QUOTE_SECONDS.time():
            found = await ask_pricing(http, tenant_id, sku)
    except CircuitBreakerError as e:
        log.warning("pricing_circuit_open", tenant=tenant_id)
        raise HTTPException(503, "pricing is unavailable", headers={"Retry-After": "30"}) from e
    except httpx.TimeoutException as e:
        raise HTTPException(504, "pricing timed out") from e
    except httpx.HTTPError as e:
        log.error("pricing_failed", tenant=tenant_id, error=type(e).__name__)
        raise HTTPException(502, "pricing failed") from e
    await cache.setex(key, 120, found.model_dump_json())
    return found
