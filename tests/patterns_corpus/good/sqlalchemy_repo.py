# expect: nothing
"""A database, and no upstream: there is nothing for a breaker to do."""
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from store.cache import Cache, cache
from store.database import session
from store.limits import RateLimiter
from store.metrics import orders_counter
from store.models import Order, OrderIn, OrderOut
from store.tenants import tenant

log = logging.getLogger(__name__)
router = APIRouter(prefix="/orders", dependencies=[Depends(RateLimiter(times=50, seconds=60))])
Session = Annotated[AsyncSession, Depends(session)]
Tenant = Annotated[str, Depends(tenant)]


@router.get("", response_model=list[OrderOut])
async def list_orders(db: Session, tenant: Tenant, kept: Annotated[Cache, Depends(cache)], limit: int = Query(20, le=100)):
    found = await kept.get(f"cache:orders:{tenant}:{limit}")
    if found is not None:
        return found
    try:
        rows = (await db.scalars(select(Order).where(Order.tenant == tenant).limit(limit))).all()
    except SQLAlchemyError as broken:
        log.error("orders: %s", type(broken).__name__)
        raise HTTPException(503, "the database is not available") from None
    await kept.set(f"cache:orders:{tenant}:{limit}", rows, ttl=30)
    return rows


@router.post("", response_model=OrderOut, status_code=201)
async def place_order(order: OrderIn, db: Session, tenant: Tenant, kept: Annotated[Cache, Depends(cache)]):
    row = Order(tenant=tenant, **order.model_dump())
    try:
        db.add(row)
        await db.commit()
    except SQLAlchemyError:
        log.exception("order not placed")
        raise HTTPException(503, "the database is not available") from None
    await kept.delete_prefix(f"cache:orders:{tenant}:")
    orders_counter.inc()
    return row
