# expect: nothing
# because: versions share a path, one of two branches registers, other methods and converters do not hide, a link confirms
"""Paths that look hidden and are not."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi_versioning import version
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from tours.deps import database, in_test, rate_limited, tenant_id, tours
from tours.models import Booking, Tour

log = logging.getLogger(__name__)
READ = Counter("tours_read_total", "Tours read.")
Tenant = Annotated[str, Depends(tenant_id)]
Tours = Annotated[object, Depends(tours)]
router = APIRouter(prefix="/tours", dependencies=[Depends(rate_limited("tours"))])


@router.get("/{tour_id}")
@version(1)
async def tour(tour_id: str, tenant: Tenant, store: Tours) -> Tour:
    READ.inc()
    log.info("tour of %s", tenant)
    return await store.one(tenant, tour_id)


@router.get("/{tour_id}")
@version(2)
async def tour_with_stops(tour_id: str, tenant: Tenant, store: Tours) -> Tour:
    READ.inc()
    log.info("tour of %s with stops", tenant)
    return await store.whole(tenant, tour_id)


if in_test:

    @router.get("/{tour_id}/price")
    async def fixed_price(tour_id: str, tenant: Tenant, store: Tours) -> Tour:
        READ.inc()
        log.info("fixed price of %s", tenant)
        return await store.one(tenant, tour_id)
else:

    @router.get("/{tour_id}/price")
    async def price(tour_id: str, tenant: Tenant, store: Tours) -> Tour:
        READ.inc()
        log.info("price of %s", tenant)
        return await store.one(tenant, tour_id)


@router.get("/bookings/confirm/{token}")
async def create_booking(token: str, tenant: Tenant, db: Annotated[AsyncSession, Depends(database)]) -> Booking:
    READ.inc()
    log.info("booking of %s", tenant)
    booking = Booking(tenant=tenant, token=token)
    db.add(booking)
    await db.commit()
    return booking
