# expect: nothing
# present: rate_limiting, multi_tenancy, error_handling, metrics, logging, circuit_breaker
"""Everything sits on the app: default limits by middleware, tenant by middleware, handlers, instrumentator."""

import contextlib
import contextvars
import logging
from collections.abc import AsyncIterator

import httpx
from aiocache import Cache
from aiocircuitbreaker import circuit
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIMiddleware

from rates.settings import Settings

logger = logging.getLogger("rates")
tenant_var: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
limiter = Limiter(key_func=lambda request: request.headers.get("x-tenant-id", ""), default_limits=["100/minute"])


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    async with httpx.AsyncClient(base_url=settings.rates_url, timeout=httpx.Timeout(3.0, connect=1.0)) as client:
        app.state.rates = client
        app.state.cache = Cache(Cache.REDIS, endpoint=settings.redis_host)
        yield


app = FastAPI(lifespan=lifespan)
app.state.limiter = limiter
app.add_middleware(SlowAPIMiddleware)
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
Instrumentator().instrument(app).expose(app)


@app.middleware("http")
async def tenant_and_log(request: Request, call_next):
    tenant = request.headers.get("X-Tenant-ID")
    if not tenant:
        return JSONResponse({"detail": "X-Tenant-ID is required"}, status_code=400)
    tenant_var.set(tenant)
    response = await call_next(request)
    logger.info("%s %s -> %s", request.method, request.url.path, response.status_code)
    return response


@app.exception_handler(httpx.TimeoutException)
async def slow(request: Request, exc: httpx.TimeoutException) -> JSONResponse:
    return JSONResponse({"detail": "the rates are late"}, 504)


@app.exception_handler(httpx.HTTPError)
async def failed(request: Request, exc: httpx.HTTPError) -> JSONResponse:
    return JSONResponse({"detail": "the rates are unavailable"}, 502)


class Rate(BaseModel):
    pair: str
    value: float


router = APIRouter(prefix="/rates")


@circuit(failure_threshold=5, recovery_timeout=15)
async def ask(client: httpx.AsyncClient, pair: str) -> dict:
    answer = await client.get(f"/{pair}", headers={"X-Tenant-ID": tenant_var.get()})
    answer.raise_for_status()
    return answer.json()


@router.get("/{pair}")
async def rate(pair: str, request: Request) -> Rate:
    cache, key = request.app.state.cache, f"rate:{tenant_var.get()}:{pair}"
    found = await cache.get(key)
    if found is None:
        found = await ask(request.app.state.rates, pair)
        await cache.set(key, found, ttl=10)
    return Rate(**found)


app.include_router(router)
