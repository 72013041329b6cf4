# expect: limits.unheeded, metrics.missing
import logging

from fastapi import APIRouter, Depends

from backend.dependencies_enterprise import Tenant, get_redis_cache
from backend.utils.rate_limiter import EnterpriseRateLimiter
from shop.models import Rating

log = logging.getLogger(__name__)
router = APIRouter()


@router.post("/ratings")
async def rate(rating: Rating, tenant: Tenant, redis=Depends(get_redis_cache)) -> Rating:
    limiter = EnterpriseRateLimiter(redis)
    await limiter.check(tenant, "rate")
    log.info("rated by %s", tenant)
    return rating
