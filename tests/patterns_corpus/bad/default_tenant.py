# expect: tenancy.optional, limits.missing, metrics.missing, models.response
import logging

from fastapi import APIRouter, Header

log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/greeting")
async def greeting(x_tenant_id: str = Header("demo_dentist")):
    log.info("greeting for %s", x_tenant_id)
    return {"hello": x_tenant_id}
