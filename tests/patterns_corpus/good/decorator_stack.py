# expect: nothing
"""Own decorators, defined here."""
import functools
import json
import logging
import time

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request
from prometheus_client import Histogram
from pydantic import BaseModel

from sales.deps import breaker, http, tenant_id

log = logging.getLogger(__name__)
TOOK = Histogram("report_seconds", "Time of reports.", ["name"])
router = APIRouter()


class Report(BaseModel):
    rows: list[dict]


def at_most(times: int, name: str):
    def wrap(handler):
        @functools.wraps(handler)
        async def inner(*args, request: Request, tenant: str, **kwargs):
            key = f"rate_limit:{tenant}:{name}"
            script = "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], 60) end return n"
            if await request.app.state.redis.eval(script, 1, key) > times:
                raise HTTPException(429, headers={"Retry-After": "60"})
            return await handler(*args, request=request, tenant=tenant, **kwargs)

        return inner

    return wrap


def kept(seconds: int):
    def wrap(handler):
        @functools.wraps(handler)
        async def inner(*args, request: Request, tenant: str, **kwargs):
            key = f"cache:report:{tenant}:{json.dumps(kwargs, default=str, sort_keys=True)}"
            store = request.app.state.redis
            if found := await store.get(key):
                return Report.model_validate_json(found)
            made = await handler(*args, request=request, tenant=tenant, **kwargs)
            await store.set(key, made.model_dump_json(), ex=seconds)
            return made

        return inner

    return wrap


def translated(handler):
    @functools.wraps(handler)
    async def inner(*args, **kwargs):
        started = time.perf_counter()
        try:
            return await handler(*args, **kwargs)
        except httpx.TimeoutException as slow:
            raise HTTPException(504) from slow
        except httpx.HTTPError as broken:
            log.error("upstream failed: %s", type(broken).__name__)
            raise HTTPException(502) from broken
        finally:
            TOOK.labels(handler.__name__).observe(time.perf_counter() - started)

    return inner


@router.get("/reports/{month}")
@at_most(5, "report")
@translated
@kept(600)
async def report(month: str, request: Request, tenant: str = Depends(tenant_id), client=Depends(http), fuse=Depends(breaker)) -> Report:
    async with fuse.protect():
        answer = await client.get("/reports", params={"month": month}, headers={"X-Tenant-ID": tenant})
        answer.raise_for_status()
    return Report(rows=answer.json())
