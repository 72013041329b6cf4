# expect: caching.key_without_tenant, caching.no_invalidation
# present: rate_limiting, multi_tenancy, logging, metrics
# absent: caching
"""fastapi-cache2 with a key builder that knows only the path; the write leaves what was cached."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi_cache.decorator import cache
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel, Field

from shop.deps import Repository, get_repository, tenant_header

logger = logging.getLogger(__name__)
CHANGED = Counter("prices_changed_total", "Prices changed.")
Tenant = Annotated[str, Depends(tenant_header)]
Prices = Annotated[Repository, Depends(get_repository)]
router = APIRouter(prefix="/prices", dependencies=[Depends(RateLimiter(times=10, seconds=1))])


class Price(BaseModel):
    sku: str = Field(max_length=40)
    cents: int = Field(ge=0)


def path_key(func, namespace: str = "", request: Request = None, response: Response = None, *args, **kwargs) -> str:
    return f"{namespace}:{request.url.path}:{sorted(request.query_params.items())}"


@router.get("")
@cache(expire=300, key_builder=path_key)  # fires: caching.key_without_tenant
async def list_prices(tenant: Tenant, prices: Prices, limit: int = Query(50, le=200)) -> list[Price]:
    return await prices.page(tenant, limit)


@router.put("/{sku}")
# fires below: caching.no_invalidation
async def set_price(sku: str, price: Price, tenant: Tenant, prices: Prices) -> Price:
    changed = await prices.store(tenant, sku, price)
    CHANGED.inc()
    logger.info("price of %s changed", sku)
    return changed
