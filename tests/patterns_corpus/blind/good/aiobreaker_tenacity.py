# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, dependency_injection, logging, circuit_breaker, metrics
# because: breaker as a decorator of aiobreaker, retries of tenacity, timeout on the call, errors mapped in a helper
import logging
from datetime import timedelta
from typing import Annotated

import httpx
from aiobreaker import CircuitBreaker, CircuitBreakerError
from fastapi import APIRouter, Depends, HTTPException
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel
from redis.asyncio import Redis
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from weather.wiring import current_tenant, get_redis, http_client, tenant_identifier

logger = logging.getLogger("weather")
upstream_breaker = CircuitBreaker(fail_max=5, timeout_duration=timedelta(seconds=20))
ASKED = Counter("forecast_total", "Forecasts asked for.", ["outcome"])
router = APIRouter(
    prefix="/forecast",
    dependencies=[Depends(RateLimiter(times=30, seconds=60, identifier=tenant_identifier))],
)


class Forecast(BaseModel):
    city: str
    celsius: float


@upstream_breaker
@retry(
    retry=retry_if_exception_type(httpx.ConnectError),
    stop=stop_after_attempt(2),
    wait=wait_exponential(max=1),
)
async def _ask(client: httpx.AsyncClient, tenant: str, city: str) -> Forecast:
    answer = await client.get(f"/v2/{city}", headers={"X-Tenant-ID": tenant}, timeout=2.0)
    answer.raise_for_status()
    return Forecast.model_validate_json(answer.content)


async def _ask_or_tell(client: httpx.AsyncClient, tenant: str, city: str) -> Forecast:
    try:
        return await _ask(client, tenant, city)
    except CircuitBreakerError:
        raise HTTPException(503, "the weather service rests", headers={"Retry-After": "20"}) from None
    except httpx.TimeoutException:
        raise HTTPException(504, "the weather service is slow") from None
    except httpx.HTTPError as error:
        ASKED.labels("failed").inc()
        logger.warning("forecast failed for %s: %s", tenant, type(error).__name__)
        raise HTTPException(502, "the weather service failed") from None


@router.get("/{city}", response_model=Forecast)
async def forecast(
    city: str,
    tenant: Annotated[str, Depends(current_tenant)],
    client: Annotated[httpx.AsyncClient, Depends(http_client)],
    redis: Annotated[Redis, Depends(get_redis)],
):
    key = f"forecast:{tenant}:{city}"
    if (kept := await redis.get(key)) is not None:
        ASKED.labels("kept").inc()
        return Forecast.model_validate_json(kept)
    fresh = await _ask_or_tell(client, tenant, city)
    await redis.setex(key, 120, fresh.model_dump_json())
    ASKED.labels("fresh").inc()
    return fresh
