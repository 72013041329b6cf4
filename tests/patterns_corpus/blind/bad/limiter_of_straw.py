# expect: limits.missing
# absent: rate_limiting
# because: functions named rate_limit that only pass, log or return; the name is no limit
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel

from cinema.wiring import Films, films, tenant_id

logger = logging.getLogger(__name__)
SEEN = Counter("films_seen_total", "Films.")
router = APIRouter(prefix="/films")


async def rate_limit() -> None:
    """Limit the rate to 100 requests a minute with a 429 and Retry-After."""


async def check_rate_limit(tenant: str = Depends(tenant_id)) -> bool:
    logger.debug("rate limit of %s checked", tenant)
    return True


class EnterpriseRateLimiter:
    def __init__(self, limit: int = 100) -> None:
        self.limit = limit

    async def is_allowed(self, tenant: str) -> bool:
        return True


limiter = EnterpriseRateLimiter()


class Film(BaseModel):
    id: str


@router.get("/{film_id}", dependencies=[Depends(rate_limit)])
async def film(film_id: str, tenant: str = Depends(tenant_id), store: Films = Depends(films)) -> Film:  # fires: limits.missing
    SEEN.inc()
    return await store.one(tenant, film_id)


@router.get("/{film_id}/poster", dependencies=[Depends(check_rate_limit)])
async def poster(film_id: str, tenant: str = Depends(tenant_id), store: Films = Depends(films)) -> Film:
    if await limiter.is_allowed(tenant):
        logger.info("poster of %s", film_id)
    return await store.poster(tenant, film_id)
