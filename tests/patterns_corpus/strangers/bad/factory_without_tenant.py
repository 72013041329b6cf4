# expect: tenancy.missing, limits.missing, models.input, models.response, lists.unbounded, metrics.missing
# present: logging
# absent: multi_tenancy, rate_limiting, input_models
"""A factory makes the same hole for every table: any body, every row, no owner."""

import logging

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from admin.db import get_async_session
from admin.tables import Coupon, Gift

log = logging.getLogger(__name__)


def make_router(table, name: str) -> APIRouter:
    api = APIRouter(prefix=f"/{name}")

    @api.get("")
    # fires below: tenancy.missing, limits.missing, lists.unbounded, metrics.missing, models.response
    async def everything(session: AsyncSession = Depends(get_async_session)):
        return (await session.execute(select(table))).scalars().all()

    @api.get("/{row_id}")
    async def one(row_id: int, session: AsyncSession = Depends(get_async_session)):
        row = await session.get(table, row_id)
        if row is None:
            raise HTTPException(404)
        return row

    @api.post("")
    # fires below: models.input
    async def add(request: Request, session: AsyncSession = Depends(get_async_session)):
        values = await request.json()
        await session.execute(insert(table).values(**values))
        await session.commit()
        log.info("added to %s", name)
        return {"ok": True}

    return api


router = APIRouter(prefix="/admin")
router.include_router(make_router(Coupon, "coupons"))
router.include_router(make_router(Gift, "gifts"))
