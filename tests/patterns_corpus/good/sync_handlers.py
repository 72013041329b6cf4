# expect: nothing
"""Plain def: FastAPI runs it in a thread, so blocking is right here."""
import logging

import requests
from fastapi import APIRouter, Depends, HTTPException
from limits import RateLimitItemPerMinute
from pybreaker import CircuitBreaker
from statsd import StatsClient

from legacy.deps import session, statsd, storage, tenant
from legacy.models import Stock

log = logging.getLogger("legacy.stock")
fuse = CircuitBreaker(fail_max=3, reset_timeout=20)
router = APIRouter()
PER_MINUTE = RateLimitItemPerMinute(30)


def within_limit(who: str = Depends(tenant), strategy=Depends(storage)) -> None:
    if not strategy.hit(PER_MINUTE, "stock", who):
        raise HTTPException(429, headers={"Retry-After": "60"})


@router.get("/stock/{sku}", dependencies=[Depends(within_limit)], response_model=Stock)
def stock(sku: str, tenant_id: str = Depends(tenant), http: requests.Session = Depends(session), cache=Depends(storage),
          counters: StatsClient = Depends(statsd)):
    counters.incr("stock.asked")
    if kept := cache.get(f"stock:{tenant_id}:{sku}"):
        return kept
    try:
        answer = fuse.call(http.get, f"/stock/{sku}", timeout=1.5, headers={"X-Tenant-ID": tenant_id})
        answer.raise_for_status()
    except requests.RequestException as broken:
        log.warning("stock of %s: %s", sku, type(broken).__name__)
        raise HTTPException(502, "stock is not to be had") from None
    cache.set(f"stock:{tenant_id}:{sku}", answer.json(), expire=60)
    return answer.json()
