# expect: limits.key_without_tenant, metrics.missing
import logging

from fastapi import APIRouter, Depends, HTTPException, Request

from shop.deps import tenant_id
from shop.models import Vote

logger = logging.getLogger(__name__)
router = APIRouter()


async def limit(request: Request):
    redis = request.app.state.redis
    count = await redis.incr("rate_limit:votes")
    await redis.expire("rate_limit:votes", 60)
    if count > 1000:
        raise HTTPException(status_code=429)


@router.post("/votes", dependencies=[Depends(limit)])
async def vote(vote: Vote, tenant: str = Depends(tenant_id)) -> Vote:
    logger.info("vote of %s", tenant)
    return vote
