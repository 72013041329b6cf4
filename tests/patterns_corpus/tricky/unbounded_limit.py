# expect: lists.unbounded
"""There is a limit, and the caller says which."""
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter

from shop.deps import logs_of, rate_limited, tenant_id
from shop.models import Entry

log = logging.getLogger(__name__)
READ = Counter("entries_read_total", "Entries read.")
router = APIRouter()


@router.get("/entries", dependencies=[Depends(rate_limited("entries"))])
async def list_entries(limit: int = 50, tenant: str = Depends(tenant_id), store=Depends(logs_of)) -> list[Entry]:
    READ.inc()
    log.debug("entries of %s", tenant)
    return await store.newest(tenant, limit)


@router.get("/entries/recent", dependencies=[Depends(rate_limited("recent"))])
async def list_recent(limit: int = 50, tenant: str = Depends(tenant_id), store=Depends(logs_of)) -> list[Entry]:
    return await store.newest(tenant, min(limit, 200))
