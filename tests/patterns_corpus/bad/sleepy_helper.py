# expect: async.blocking, timeouts.missing, breaker.missing, metrics.missing, models.response
import logging
import time

import httpx
from fastapi import APIRouter, Depends, HTTPException

from shop.deps import rate_limited, tenant_id, upstream

log = logging.getLogger(__name__)
router = APIRouter()


def back_off(attempt: int) -> None:
    time.sleep(2**attempt)


@router.post("/imports/{name}", dependencies=[Depends(rate_limited("import"))])
async def run_import(name: str, tenant: str = Depends(tenant_id), client: httpx.AsyncClient = Depends(upstream)):
    for attempt in range(3):
        try:
            answer = await client.post(f"/imports/{name}", headers={"X-Tenant-ID": tenant}, timeout=None)
            return answer.json()
        except httpx.TransportError:
            log.warning("import of %s, attempt %s", name, attempt)
            back_off(attempt)
    raise HTTPException(502)
