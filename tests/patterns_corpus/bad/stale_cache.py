# expect: caching.no_invalidation, breaker.missing
import logging

import httpx
from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter

from shop.deps import cache_manager, http_client, rate_limited, tenant_id
from shop.models import Address

logger = logging.getLogger(__name__)
WRITES = Counter("address_writes", "Writes.")
router = APIRouter(prefix="/addresses")


@router.get("/{address_id}", dependencies=[Depends(rate_limited("address"))])
async def address(address_id: str, tenant: str = Depends(tenant_id), cache=Depends(cache_manager), http=Depends(http_client)) -> Address:
    try:
        return await cache.fetch("address", tenant, address_id, load=lambda: http.get(f"/addresses/{address_id}"))
    except httpx.HTTPError:
        raise HTTPException(502) from None


@router.put("/{address_id}", dependencies=[Depends(rate_limited("change_address"))])
async def change(address_id: str, new: Address, tenant: str = Depends(tenant_id), http=Depends(http_client)) -> Address:
    try:
        await http.put(f"/addresses/{address_id}", json=new.model_dump(), headers={"X-Tenant-ID": tenant})
    except httpx.HTTPError:
        logger.warning("address not changed")
        raise HTTPException(502) from None
    WRITES.inc()
    return new
