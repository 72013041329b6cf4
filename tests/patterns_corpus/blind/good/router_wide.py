# expect: nothing
# present: rate_limiting, caching, multi_tenancy, dependency_injection, logging
# because: tenant and limit are declared once on the router; routes take the tenant from request.state; pipeline counts
import json
import logging
import time

from fastapi import APIRouter, Depends, HTTPException, Query, Request, status
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis
from redis.exceptions import RedisError

from notes.storage import Notes, notes_of_app, redis_of_app

LOG = logging.getLogger(__name__)
SERVED = Counter("notes_served_total", "Notes requests.")


async def identify(request: Request) -> None:
    account = request.headers.get("X-Tenant-ID", "")
    if not account.isalnum():
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "X-Tenant-ID is required")
    request.state.tenant = account


async def throttle(request: Request, redis: Redis = Depends(redis_of_app)) -> None:
    window = int(time.time()) // 60
    key = f"rl:{request.state.tenant}:notes:{window}"
    async with redis.pipeline(transaction=True) as pipe:
        pipe.incr(key)
        pipe.expire(key, 60)
        count, _ = await pipe.execute()
    if count > 120:
        raise HTTPException(429, "slow down", headers={"Retry-After": str(60 - int(time.time()) % 60)})


router = APIRouter(prefix="/notes", dependencies=[Depends(identify), Depends(throttle)])


class NoteIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str


class Note(NoteIn):
    id: str


class NotePage(BaseModel):
    items: list[Note]


@router.get("")
async def list_notes(
    request: Request,
    limit: int = Query(20, ge=1, le=100),
    redis: Redis = Depends(redis_of_app),
    notes: Notes = Depends(notes_of_app),
) -> NotePage:
    SERVED.inc()
    key = f"notes:{request.state.tenant}:{limit}"
    try:
        if (raw := await redis.get(key)) is not None:
            return NotePage(**json.loads(raw))
    except RedisError:
        LOG.warning("notes cache is away")
    page = await notes.page(request.state.tenant, limit)
    await redis.set(key, page.model_dump_json(), ex=30)
    return page


@router.post("", status_code=201)
async def add_note(
    request: Request,
    note: NoteIn,
    redis: Redis = Depends(redis_of_app),
    notes: Notes = Depends(notes_of_app),
) -> Note:
    SERVED.inc()
    added = await notes.add(request.state.tenant, note)
    async for key in redis.scan_iter(match=f"notes:{request.state.tenant}:*"):
        await redis.unlink(key)
    await redis.publish("cache_coherence:notes", json.dumps({"tenant_id": request.state.tenant}))
    LOG.info("note added", extra={"tenant": request.state.tenant})
    return added
