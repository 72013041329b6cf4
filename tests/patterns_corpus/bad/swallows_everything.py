# expect: limits.missing, caching.missing, errors.swallowed, logging.missing, breaker.missing, metrics.missing, models.response, lists.unbounded
from fastapi import APIRouter, Depends

from shop.deps import engine_client, tenant_id

router = APIRouter()


@router.get("/offers")
async def list_offers(tenant: str = Depends(tenant_id), engine=Depends(engine_client)):
    try:
        return await engine.request("GET", "/offers", tenant)
    except Exception:
        return []
