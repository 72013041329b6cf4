# expect: caching.no_invalidation, tenancy.unused
# because: one write calls an `invalidate` of this file that only logs, one invalidates nothing; one read drops the tenant
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel

from hotel.wiring import Cache, Rooms, cache_manager, rate_limited, rooms, tenant_id

logger = logging.getLogger(__name__)
TOUCHED = Counter("rooms_touched_total", "Rooms.")
router = APIRouter(prefix="/rooms")


class Room(BaseModel):
    number: int


async def invalidate_cache(tenant: str) -> None:
    """Invalidate every cached room of the tenant and publish the coherence event."""
    logger.info("cache of %s invalidated", tenant)


@router.get("/{number}", dependencies=[Depends(rate_limited("get_room"))])
async def get_room(
    number: int,
    tenant: str = Depends(tenant_id),
    cache: Cache = Depends(cache_manager),
    store: Rooms = Depends(rooms),
) -> Room:
    TOUCHED.inc()
    return await cache.fetch("room", tenant, number, load=lambda: store.one(tenant, number))


@router.get("/{number}/bill", dependencies=[Depends(rate_limited("bill"))])
async def get_bill(number: int, tenant: str = Depends(tenant_id), store: Rooms = Depends(rooms)) -> Room:  # fires: tenancy.unused
    return await store.bill(number)


@router.put("/{number}", dependencies=[Depends(rate_limited("put_room"))])
async def put_room(number: int, room: Room, tenant: str = Depends(tenant_id), store: Rooms = Depends(rooms)) -> Room:  # fires: caching.no_invalidation
    changed = await store.put(tenant, number, room)
    await invalidate_cache(tenant)
    return changed


@router.delete("/{number}", status_code=204, dependencies=[Depends(rate_limited("delete_room"))])
async def delete_room(number: int, tenant: str = Depends(tenant_id), store: Rooms = Depends(rooms)) -> None:
    await store.delete(tenant, number)
