# expect: caching.key_without_tenant, caching.no_ttl, metrics.missing
import json
import logging

from fastapi import APIRouter, Depends

from shop.deps import prices, rate_limited, redis_client, tenant_id
from shop.models import Price

logger = logging.getLogger(__name__)
router = APIRouter()


@router.get("/prices/{sku}", dependencies=[Depends(rate_limited("price"))])
async def price(sku: str, tenant: str = Depends(tenant_id), redis=Depends(redis_client), book=Depends(prices)) -> Price:
    cache_key = f"cache:price:{sku}"
    if raw := await redis.get(cache_key):
        return Price(**json.loads(raw))
    found = await book.price(tenant, sku)
    logger.info("price of %s looked up for %s", sku, tenant)
    await redis.set(cache_key, found.model_dump_json())
    return found
