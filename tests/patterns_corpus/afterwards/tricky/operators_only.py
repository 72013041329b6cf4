# expect: nothing
# present: multi_tenancy, rate_limiting, logging
"""A staff console over all tenants, set aside with a reason; what it changes of one tenant is keyed by that tenant."""

import logging
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Security
from fastapi.security import APIKeyHeader
from prometheus_client import Counter
from pydantic import BaseModel

from console.deps import Settings, TenantDirectory, get_directory, get_settings, limit_by_ip

logger = logging.getLogger(__name__)
SUSPENDED = Counter("console_suspensions_total", "Tenants suspended by staff.")
staff_key = APIKeyHeader(name="X-Staff-Key")


def staff(key: Annotated[str, Security(staff_key)], settings: Annotated[Settings, Depends(get_settings)]) -> None:
    if not secrets.compare_digest(key.encode(), settings.staff_key.get_secret_value().encode()):
        raise HTTPException(403, "staff only")


router = APIRouter(prefix="/console", dependencies=[Depends(staff), Depends(limit_by_ip(30))])
Directory = Annotated[TenantDirectory, Depends(get_directory)]


class Entry(BaseModel):
    id: str
    plan: str
    suspended: bool


@router.get("/plans")
# optimus: ignore[tenancy.missing] staff compare the plans of all tenants
async def plans(directory: Directory, limit: Annotated[int, Query(ge=1, le=50)] = 20) -> list[str]:
    return await directory.plans(limit=limit)


@router.post("/tenants/{tenant_id}/suspension", status_code=204)
async def suspend(tenant_id: Annotated[str, Path(max_length=40)], directory: Directory) -> None:
    if not await directory.suspend(tenant_id):
        raise HTTPException(404, "no such tenant")
    SUSPENDED.inc()
    logger.warning("tenant %s suspended by staff", tenant_id)
