# expect: errors.bare_except, errors.text_told, breaker.missing, metrics.missing, models.response
import logging

from fastapi import APIRouter, Depends, HTTPException

from shop.deps import cache, engine_client, rate_limit, tenant_id

logger = logging.getLogger(__name__)
router = APIRouter(dependencies=[Depends(rate_limit)])


@router.get("/offers/{offer}")
async def offer(offer: str, tenant: str = Depends(tenant_id), engine=Depends(engine_client), kept=Depends(cache)):
    try:
        if found := await kept.get(f"offer:{tenant}:{offer}"):
            return found
    except:
        logger.warning("no cache")
    try:
        return await engine.request("GET", f"/offers/{offer}", tenant)
    except Exception as error:
        raise HTTPException(status_code=500, detail=f"engine said {error}")
