# expect: errors.swallowed, lists.unbounded
# present: rate_limiting, multi_tenancy, logging, metrics
# absent: error_handling, pagination
"""Logged and raised again is not swallowed, counted is not swallowed; the third one is. limit has a floor, no ceiling."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from prometheus_client import Counter
from pydantic import BaseModel

from feed.deps import Cached, Feeds, get_cached, get_feeds, require_tenant, throttle

logger = logging.getLogger(__name__)
BROKEN = Counter("feed_broken_total", "Broken entries.")
Tenant = Annotated[str, Depends(require_tenant)]
FeedStore = Annotated[Feeds, Depends(get_feeds)]
FeedCache = Annotated[Cached, Depends(get_cached)]
router = APIRouter(prefix="/feed", dependencies=[Depends(throttle("feed"))])


class Entry(BaseModel):
    id: int
    text: str


async def read(feeds: Feeds, tenant: str, limit: int) -> list[dict]:
    try:
        return await feeds.latest(tenant, limit)
    except Exception:
        logger.exception("feed of %s", tenant)
        raise


def entries(rows: list[dict]) -> list[Entry]:
    good = []
    for row in rows:
        try:
            good.append(Entry(**row))
        except Exception:
            BROKEN.inc()
            continue
    return good


async def warm(cache: Cached, tenant: str, found: list[Entry]) -> None:
    try:
        await cache.set(f"feed:{tenant}", [one.model_dump() for one in found], ttl=30)
    except Exception:  # fires: errors.swallowed
        pass


@router.get("", response_model=list[Entry])
# fires below: lists.unbounded
async def latest(tenant: Tenant, feeds: FeedStore, cache: FeedCache, limit: Annotated[int, Query(ge=1)] = 50):
    if (hit := await cache.get(f"feed:{tenant}")) is not None:
        return [Entry(**row) for row in hit][:limit]
    found = entries(await read(feeds, tenant, limit))
    if not found:
        raise HTTPException(404, "no feed")
    await warm(cache, tenant, found)
    return found
