# expect: errors.swallowed, tenancy.missing
# present: rate_limiting, logging
# because: an ignore with rule and reason holds for its line; one for another rule, or in a text, does not
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel

from meadow.wiring import flowers, rate_limited, tenant_id

logger = logging.getLogger(__name__)
SEEN = Counter("flowers_total", "Flowers.")
router = APIRouter(prefix="/flowers", dependencies=[Depends(rate_limited("flowers"))])
HELP = "# optimus: ignore[tenancy.missing] this is a text"


class Flower(BaseModel):
    name: str


@router.get("/{name}")
async def flower(name: str, tenant: str = Depends(tenant_id), store=Depends(flowers)) -> Flower:
    SEEN.inc()
    try:
        return await store.one(tenant, name)
    except Exception:  # optimus: ignore[errors.swallowed] a flower that cannot be read is drawn as a bud
        return Flower(name="bud")


@router.get("/{name}/scent")
async def scent(name: str, tenant: str = Depends(tenant_id), store=Depends(flowers)) -> Flower:
    logger.info("scent of %s", name)
    try:
        return await store.scent(tenant, name)
    # fires below: errors.swallowed
    except Exception:  # optimus: ignore[tenancy.missing] the wrong rule
        return Flower(name=name)


@router.get("/{name}/seed")
async def seed(name: str, help: str = "# optimus: ignore[tenancy.missing] in a text", store=Depends(flowers)) -> Flower:  # fires: tenancy.missing
    return await store.seed(name)
