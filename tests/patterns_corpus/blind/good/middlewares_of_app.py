# expect: nothing
# present: rate_limiting, multi_tenancy, error_handling, logging
# because: the app of the same file limits, logs, counts and maps in middlewares and handlers; nothing is left to routes
import logging
import time

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi_cache.decorator import cache
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

from clinic.db import pool_of_app
from clinic.limits import SlidingWindow

log = logging.getLogger("clinic.access")


class Accounts(BaseHTTPMiddleware):
    """Refuses who has no account or asks too often."""

    async def dispatch(self, request: Request, call_next):
        tenant = request.headers.get("X-Tenant-ID")
        if not tenant:
            return JSONResponse({"detail": "X-Tenant-ID is required"}, 400)
        window: SlidingWindow = request.app.state.window
        wait = await window.hit(f"limit:{tenant}:{request.url.path}", limit=100, seconds=60)
        if wait:
            return JSONResponse({"detail": "slow down"}, 429, {"Retry-After": str(wait)})
        request.state.tenant_id = tenant
        return await call_next(request)


app = FastAPI()
app.add_middleware(Accounts)
Instrumentator().instrument(app)


@app.middleware("http")
async def write_access_log(request: Request, call_next):
    started = time.perf_counter()
    answer = await call_next(request)
    log.info("%s %s %s %.3f", request.method, request.url.path, answer.status_code, time.perf_counter() - started)
    return answer


@app.exception_handler(asyncpg.PostgresError)
async def database_failed(request: Request, error: asyncpg.PostgresError) -> JSONResponse:
    log.error("database failed: %s", type(error).__name__)
    return JSONResponse({"detail": "the database is not available"}, 503)


def by_tenant(function, namespace="", *, request: Request, **_):
    return f"{namespace}:{request.state.tenant_id}:{request.url.path}?{request.url.query}"


class Visit(BaseModel):
    id: int
    reason: str


router = APIRouter(prefix="/visits")


@router.get("")
@cache(expire=30, key_builder=by_tenant)
async def visits(
    request: Request, pool=Depends(pool_of_app), limit: int = Query(50, ge=1, le=200)
) -> list[Visit]:
    rows = await pool.fetch(
        "SELECT id, reason FROM visits WHERE tenant = $1 LIMIT $2", request.state.tenant_id, limit
    )
    return [Visit(**row) for row in rows]


@router.get("/{visit_id}")
@cache(expire=30, key_builder=by_tenant)
async def visit(request: Request, visit_id: int, pool=Depends(pool_of_app)) -> Visit:
    row = await pool.fetchrow(
        "SELECT id, reason FROM visits WHERE tenant = $1 AND id = $2", request.state.tenant_id, visit_id
    )
    if row is None:
        raise HTTPException(404, "no such visit")
    return Visit(**row)


app.include_router(router)
