"""What operators and their tools read: /health, /metrics, /api/cache/metrics, /api/rate-limits.

No tenant and no limit: these must answer when everything else is refused. They tell no tenant's data.
"""

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend import __version__
from backend.dependencies_enterprise import Cache
from backend.utils.metrics import CONTENT_TYPE, exposition
from backend.utils.rate_limiter import EnterpriseRateLimiter

router = APIRouter(tags=["system"])
_STARTED = time.monotonic()
_PING_SECONDS = 0.4


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """Say whether the gateway can work: "healthy", "degraded" without Redis (200 both), "unhealthy" (503).

    The AI Engine has a /health of its own; whether it is asked at present is in `circuit_breaker_state`.
    """
    redis: Redis | None = getattr(request.app.state, "redis", None)
    document: dict[str, Any] = {
        "service": "backend_orchestrator",
        "version": __version__,
        "uptime_seconds": round(time.monotonic() - _STARTED, 1),
    }
    if redis is None:
        return JSONResponse({"status": "unhealthy", **document, "error": "the gateway is not running"}, 503)
    store = await _ask(redis)
    status = "healthy" if store["status"] == "connected" else "degraded"
    return JSONResponse({"status": status, **document, "redis": store})


async def _ask(redis: Redis) -> dict[str, Any]:
    """Return how Redis answers a PING. Whoever watches this endpoint has little patience, so neither has it."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await redis.ping()
    except (RedisError, TimeoutError) as error:
        return {"status": "disconnected", "latency_ms": None, "error": type(error).__name__}
    return {
        "status": "connected",
        "latency_ms": round((time.perf_counter() - started) * 1000, 2),
        "error": None,
    }


@router.get("/metrics")
async def metrics() -> Response:
    """Return the metrics of the gateway, of all its workers together, in Prometheus' text format."""
    return Response(exposition(), media_type=CONTENT_TYPE)


@router.get("/api/cache/metrics")
async def cache_metrics(cache: Cache) -> dict[str, Any]:
    """Return the hit rate and the number of cached answers; null is not known."""
    return await cache.metrics()


@router.get("/api/rate-limits")
async def rate_limits() -> dict[str, Any]:
    """Return the limits in force: per operation, the default, and the tenants that have their own."""
    return EnterpriseRateLimiter.describe()
