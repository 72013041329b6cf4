# expect: tenancy.missing, metrics.missing
"""There is a tenant, the same for everybody."""
import logging

from fastapi import APIRouter, Depends

from shop.deps import rate_limited, surveys
from shop.models import Survey

log = logging.getLogger(__name__)
TENANT = "demo_dentist"
router = APIRouter()


@router.post("/surveys", dependencies=[Depends(rate_limited("survey"))])
async def take(survey: Survey, store=Depends(surveys)) -> Survey:
    log.info("survey taken")
    return await store.add(TENANT, survey)
