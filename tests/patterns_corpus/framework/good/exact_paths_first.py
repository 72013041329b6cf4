# expect: nothing
"""The exact paths stand before the parameter, a converter keeps two apart, and each parameter is read."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from prometheus_client import Counter

from harbour.deps import berths, rate_limited, tenant_id
from harbour.models import Berth, Free

log = logging.getLogger(__name__)
READ = Counter("berths_read_total", "Berths read.")
Tenant = Annotated[str, Depends(tenant_id)]
Berths = Annotated[object, Depends(berths)]
router = APIRouter(prefix="/berths", dependencies=[Depends(rate_limited("berths"))])


def berth_of(tenant: Tenant, store: Berths, berth_id: Annotated[str, Path(alias="name")]) -> Berth:
    return store.one(tenant, berth_id)


@router.get("/free")
async def free_berths(tenant: Tenant, store: Berths) -> Free:
    READ.inc()
    log.info("free berths of %s", tenant)
    return await store.free(tenant)


@router.get("/{number:int}")
async def berth_by_number(number: int, tenant: Tenant, store: Berths) -> Berth:
    READ.inc()
    log.info("berth of %s by number", tenant)
    return await store.by_number(tenant, number)


@router.get("/{name}")
async def berth_by_name(berth: Annotated[Berth, Depends(berth_of)], tenant: Tenant) -> Berth:
    READ.inc()
    log.info("berth of %s by name", tenant)
    return berth


@router.get("/{name}/opposite")
async def opposite(name: str, tenant: Tenant, store: Berths) -> Berth:
    READ.inc()
    log.info("berth opposite of one of %s", tenant)
    return await store.opposite(tenant, name)
