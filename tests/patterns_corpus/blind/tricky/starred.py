# expect: errors.swallowed
# present: rate_limiting, multi_tenancy, logging
# because: star imports bring the tenant and the limit; the failure that is kept silent is silent under an alias too
from logging import getLogger

from fastapi import *
from prometheus_client import *
from pydantic import *

from .kit import *

failure = Exception
logger = getLogger("starred")
ASKED = Counter("starred_total", "Asked.")
router = APIRouter(dependencies=[Depends(limit_of_kit)])


class Star(BaseModel):
    name: str


@router.get("/stars/{name}")
async def star(name: str, tenant: str = Depends(tenant_of_kit), sky=Depends(sky_of_kit)) -> Star:
    ASKED.inc()
    logger.info("star for %s", tenant)
    try:
        return await sky.find(tenant, name)
    except failure:  # fires: errors.swallowed
        return Star(name=name)
