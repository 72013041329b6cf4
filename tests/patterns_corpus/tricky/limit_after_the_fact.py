# expect: limits.missing, metrics.missing
"""The limiter is made and asked for its settings, never for a verdict."""
import logging

from fastapi import APIRouter, Depends, Response

from shop.deps import get_rate_limiter, tenant_id
from shop.models import Poll

logger = logging.getLogger(__name__)
router = APIRouter()


@router.post("/polls")
async def poll(poll: Poll, response: Response, tenant: str = Depends(tenant_id), limiter=Depends(get_rate_limiter)) -> Poll:
    response.headers["X-RateLimit-Limit"] = str(limiter.limit_for(tenant, "poll"))
    logger.info("poll of %s", tenant)
    return poll
