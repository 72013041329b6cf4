# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker, metrics
"""cashews for the cache, the invalidation and the limit; purgatory for the breaker; one engine client class."""

from typing import Annotated

import httpx
import structlog
from cashews import RateLimitError, cache
from fastapi import APIRouter, Body, Depends, HTTPException, Query
from prometheus_client import Counter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from pydantic import BaseModel, Field

from catalog.deps import engine_http, get_tenant_id

log = structlog.stdlib.get_logger(__name__)
breakers = AsyncCircuitBreakerFactory(default_threshold=5, default_ttl=30)
FAILED = Counter("catalog_engine_failures_total", "Failed requests to the engine.", ["kind"])
TenantId = Annotated[str, Depends(get_tenant_id)]


class NewProduct(BaseModel, extra="forbid"):
    name: str = Field(min_length=1, max_length=120)
    price_cents: int = Field(ge=0)


class Product(NewProduct):
    id: str


class ProductList(BaseModel):
    items: list[Product]
    next_offset: int | None


class Catalog:
    def __init__(self, http: Annotated[httpx.AsyncClient, Depends(engine_http)]) -> None:
        self.http = http

    @cache(ttl="5m", key="products:{tenant_id}:{offset}:{limit}")
    async def page(self, tenant_id: str, offset: int, limit: int) -> dict:
        return await self._call("GET", tenant_id, params={"offset": offset, "limit": limit})

    @cache.invalidate("products:{tenant_id}:*")
    async def add(self, tenant_id: str, product: NewProduct) -> dict:
        return await self._call("POST", tenant_id, json=product.model_dump())

    async def _call(self, method: str, tenant_id: str, **kwargs) -> dict:
        try:
            async with await breakers.get_breaker("engine"):
                response = await self.http.request(method, "/api/products", headers={"X-Tenant-ID": tenant_id}, **kwargs)
                response.raise_for_status()
        except OpenedState:
            raise HTTPException(503, "the catalog is resting", {"Retry-After": "30"}) from None
        except httpx.TimeoutException:
            FAILED.labels("timeout").inc()
            raise HTTPException(504, "the catalog did not answer in time") from None
        except httpx.HTTPStatusError as exc:
            FAILED.labels("status").inc()
            log.warning("engine_refused", tenant=tenant_id, status=exc.response.status_code)
            code = exc.response.status_code if exc.response.status_code in (404, 409, 422) else 502
            raise HTTPException(code, "the catalog refused") from None
        except httpx.TransportError:
            FAILED.labels("transport").inc()
            raise HTTPException(502, "the catalog could not be reached") from None
        return response.json()


@cache.rate_limit(limit=100, period="1m", key="limit:catalog:{tenant_id}")
async def _count(tenant_id: str) -> None: ...


async def throttle(tenant_id: TenantId) -> None:
    try:
        await _count(tenant_id)
    except RateLimitError:
        raise HTTPException(429, "too many requests", {"Retry-After": "60"}) from None


router = APIRouter(prefix="/v1/products", dependencies=[Depends(throttle)])


@router.get("")
async def list_products(
    tenant_id: TenantId,
    catalog: Annotated[Catalog, Depends()],
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> ProductList:
    return ProductList.model_validate(await catalog.page(tenant_id, offset, limit))


@router.post("", status_code=201)
async def add_product(
    tenant_id: TenantId, catalog: Annotated[Catalog, Depends()], product: Annotated[NewProduct, Body()]
) -> Product:
    return Product.model_validate(await catalog.add(tenant_id, product))
