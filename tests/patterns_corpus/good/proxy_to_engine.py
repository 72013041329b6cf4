# expect: nothing
"""In the style of the reference gateway, but for a resource of its own."""
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from prometheus_client import Counter

from edge.dependencies import Breaker, Cache, Coherence, Engine, Paging, Tenant, rate_limited
from edge.errors import engine_errors
from edge.schemas import Device, DevicePage, NewDevice

logger = logging.getLogger(__name__)
CHANGES = Counter("device_changes_total", "Changes of devices.", ["kind"])
router = APIRouter(prefix="/api/devices", tags=["devices"])
DeviceId = Annotated[str, Path(pattern="^[a-z0-9]{1,20}$")]


@router.get("", dependencies=[Depends(rate_limited("list_devices"))])
async def list_devices(tenant: Tenant, page: Paging, engine: Engine, cache: Cache, breaker: Breaker, response: Response) -> DevicePage:
    with engine_errors(), breaker.attempt():
        found = await cache.fetch(
            "devices", tenant, page.limit, page.offset, load=lambda: engine.request("GET", "/api/devices", tenant, params=page.as_query())
        )
    return found.answer(response)


@router.delete("/{device_id}", status_code=204, dependencies=[Depends(rate_limited("delete_device"))])
async def delete_device(device_id: DeviceId, tenant: Tenant, engine: Engine, coherence: Coherence, breaker: Breaker) -> None:
    with engine_errors(), breaker.attempt():
        await engine.request("DELETE", f"/api/devices/{device_id}", tenant)
    await coherence.invalidate_by_event("resource_updated", tenant, kinds=("devices",))
    CHANGES.labels("deleted").inc()
    logger.info("device deleted", extra={"tenant": tenant})
