# expect: limits.missing
# present: multi_tenancy, logging
# because: followed through the package's __init__ one limit counts and the other one, renamed, does not
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel

from .kit import limit_in_name_only as rate_limited
from .kit import limit_of_kit as note
from .kit import sky_of_kit as sky
from .kit import tenant_of_kit as header

logger = logging.getLogger(__name__)
ASKED = Counter("comets_total", "Asked.")
router = APIRouter(prefix="/comets")


class Comet(BaseModel):
    name: str


@router.get("/{name}", dependencies=[Depends(note)])
async def comet(name: str, x: str = Depends(header), y=Depends(sky)) -> Comet:
    ASKED.inc()
    return await y.comet(x, name)


@router.get("/{name}/tail", dependencies=[Depends(rate_limited)])
async def tail(name: str, x: str = Depends(header), y=Depends(sky)) -> Comet:  # fires: limits.missing
    logger.info("tail of %s", name)
    return await y.tail(x, name)
