# expect: nothing
"""Nothing is written, so nothing is to be invalidated; nothing is asked upstream, so no breaker."""
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter

from shop.deps import cache, exchange, rate_limited, tenant_id
from shop.models import Rate

log = logging.getLogger(__name__)
READ = Counter("rates_read_total", "Rates read.")
router = APIRouter()


@router.get("/rates/{currency}", dependencies=[Depends(rate_limited("rate"))])
async def rate(currency: str, tenant: str = Depends(tenant_id), kept=Depends(cache), source=Depends(exchange)) -> Rate:
    READ.inc()
    log.debug("rate for %s", tenant)
    return await kept.get_or_set(f"rate:{tenant}:{currency}", lambda: source.rate(currency), ttl=30)
