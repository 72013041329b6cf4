# expect: nothing
"""A narrow exception that is rightly passed over, and a broad one that is raised again."""
import contextlib
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter

from shop.deps import baskets, rate_limited, tenant_id
from shop.models import Basket, Line

log = logging.getLogger(__name__)
ADDED = Counter("lines_added_total", "Lines added.")
router = APIRouter()


@router.post("/baskets/{basket_id}/lines", dependencies=[Depends(rate_limited("add_line"))])
async def add_line(basket_id: str, line: Line, tenant: str = Depends(tenant_id), store=Depends(baskets)) -> Basket:
    with contextlib.suppress(KeyError):
        line = store.normalised[line.sku]
    try:
        amount = int(line.amount)
    except ValueError:
        amount = 1
    try:
        basket = await store.add(tenant, basket_id, line, amount)
    except BaseException:
        await store.release(tenant, basket_id)
        raise
    ADDED.inc()
    log.info("line added for %s", tenant)
    return basket
