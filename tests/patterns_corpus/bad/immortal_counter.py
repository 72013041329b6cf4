# expect: limits.no_expiry, metrics.missing
import logging

from fastapi import APIRouter, Depends, HTTPException, Request

from shop.deps import tenant_id
from shop.models import Coupon, CouponIn

logger = logging.getLogger(__name__)
router = APIRouter()


async def limit(request: Request, tenant: str = Depends(tenant_id)):
    count = await request.app.state.redis.incr(f"rate_limit:{tenant}:coupons")
    if count > 100:
        raise HTTPException(429, "too many")


@router.post("/coupons", dependencies=[Depends(limit)])
async def redeem(coupon: CouponIn, tenant: str = Depends(tenant_id)) -> Coupon:
    logger.info("coupon redeemed by %s", tenant)
    return Coupon(code=coupon.code)
