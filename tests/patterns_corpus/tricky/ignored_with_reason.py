# expect: ignore.without_reason, models.response
"""One finding is set aside with a reason, the other without one."""
import logging

from fastapi import APIRouter, Depends, Query
from prometheus_client import Counter

from shop.deps import rate_limited, rows, tenant_id

log = logging.getLogger(__name__)
READ = Counter("exports_total", "Exports.")
router = APIRouter()


@router.get("/exports/all", dependencies=[Depends(rate_limited("export"))])
async def list_everything(tenant: str = Depends(tenant_id), store=Depends(rows)) -> dict:  # optimus: ignore[lists.unbounded] an export is all there is
    READ.inc()
    log.info("export of %s", tenant)
    return await store.everything(tenant)


# optimus: ignore[models.response]
@router.get("/exports/{name}", dependencies=[Depends(rate_limited("export_one"))])
async def one(name: str, tenant: str = Depends(tenant_id), store=Depends(rows)):
    return await store.one(tenant, name)
