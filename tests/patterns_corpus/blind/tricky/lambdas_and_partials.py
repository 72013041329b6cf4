# expect: nothing
# present: rate_limiting, caching, multi_tenancy, logging
# because: a lambda brings the tenant, partials the limit and the key; blocking work is handed to a thread
import asyncio
import logging
import time
from functools import partial

import anyio
from fastapi import APIRouter, Depends, HTTPException, Request
from prometheus_client import Counter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from mine.wiring import ores, redis_of_app

logger = logging.getLogger(__name__)
DUG = Counter("ores_total", "Ores.")

tenant_of = lambda request: request.headers["X-Tenant-ID"]  # noqa: E731


def asked_tenant(request: Request) -> str:
    try:
        return tenant_of(request)
    except KeyError:
        raise HTTPException(400, "X-Tenant-ID is required") from None


async def at_most(limit: int, what: str, request: Request, redis=Depends(redis_of_app)) -> None:
    name = f"limit:{asked_tenant(request)}:{what}"
    await redis.set(name, 0, ex=60, nx=True)
    if await redis.incr(name) > limit:
        raise HTTPException(429, "enough", headers={"Retry-After": "60"})


def key_of(kind: str, tenant: str, rest: str) -> str:
    return ":".join(("cache", kind, tenant, rest))


ore_key = partial(key_of, "ore")
few = partial(at_most, 10, "ores")
router = APIRouter(dependencies=[Depends(few)])


class Ore(BaseModel):
    name: str


def weigh(name: str) -> None:
    time.sleep(0.2)
    logger.info("%s weighed", name)


@router.get("/ores/{name}")
async def ore(
    name: str, tenant: str = Depends(asked_tenant), redis=Depends(lambda request: request.app.state.redis), store=Depends(ores)
) -> Ore:
    DUG.inc()
    if (kept := await redis.get(ore_key(tenant, name))) is not None:
        return Ore.model_validate_json(kept)
    await asyncio.to_thread(weigh, name)
    await anyio.to_thread.run_sync(partial(time.sleep, 0.1))
    await run_in_threadpool(time.sleep, 0.1)
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.1)
    found = await store.one(tenant, name)
    await redis.set(ore_key(tenant, name), found.model_dump_json(), ex=60)
    return found
