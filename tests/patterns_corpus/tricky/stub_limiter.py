# expect: limits.missing, metrics.missing
"""It is called rate_limited, and does nothing."""
import logging

from fastapi import APIRouter, Depends

from shop.deps import tenant_id
from shop.models import Reply

logger = logging.getLogger(__name__)
router = APIRouter()


def rate_limited(operation: str):
    async def check_rate_limit() -> None:
        """TODO: ask the EnterpriseRateLimiter."""

    return check_rate_limit


@router.post("/replies", dependencies=[Depends(rate_limited("reply"))])
async def reply(reply: Reply, tenant: str = Depends(tenant_id)) -> Reply:
    logger.info("reply by %s", tenant)
    return reply
