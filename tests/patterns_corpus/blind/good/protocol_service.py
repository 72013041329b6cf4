# expect: nothing
# present: rate_limiting, caching, multi_tenancy, dependency_injection, logging
# because: a service class does cache, invalidation and log; the repository is a Protocol; no upstream, so no breaker
from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, HTTPException, Query
from loguru import logger
from prometheus_client import Counter
from pydantic import BaseModel, Field

from shop.infra import KeyValue, Quota, key_value, quota_of, tenant_from_token

CHANGED = Counter("orders_changed_total", "Orders changed.")


class Order(BaseModel):
    id: str = Field(max_length=40)
    total: int = Field(ge=0)


class Orders(Protocol):
    async def page(self, tenant: str, limit: int, after: str) -> list[Order]: ...

    async def remove(self, tenant: str, order_id: str) -> bool: ...


def orders_of_app() -> Orders:
    raise NotImplementedError("the app overrides this")


@dataclass
class OrderService:
    tenant: Annotated[str, Depends(tenant_from_token)]
    orders: Annotated[Orders, Depends(orders_of_app)]
    memory: Annotated[KeyValue, Depends(key_value)]

    async def page(self, limit: int, after: str) -> list[Order]:
        key = f"orders/{self.tenant}/{limit}/{after}"
        if found := await self.memory.get(key):
            return found
        page = await self.orders.page(self.tenant, limit, after)
        await self.memory.put(key, page, ttl=15)
        return page

    async def remove(self, order_id: str) -> None:
        if not await self.orders.remove(self.tenant, order_id):
            raise HTTPException(404, "no such order")
        CHANGED.inc()
        await self.memory.invalidate_prefix(f"orders/{self.tenant}/")
        await self.memory.publish("orders", {"tenant_id": self.tenant, "type": "order_deleted"})
        logger.bind(tenant=self.tenant).info("order {} removed", order_id)


Service = Annotated[OrderService, Depends()]


async def quota(tenant: Annotated[str, Depends(tenant_from_token)], book: Annotated[Quota, Depends(quota_of)]) -> None:
    if not await book.allow(tenant, "orders", per_minute=60):
        raise HTTPException(429, "quota spent", headers={"Retry-After": "60"})


router = APIRouter(tags=["orders"])


@router.get("/orders", dependencies=[Depends(quota)])
async def read_orders(
    service: Service, limit: Annotated[int, Query(gt=0, le=100)] = 25, after: str = ""
) -> list[Order]:
    return await service.page(limit, after)


@router.delete("/orders/{order_id}", status_code=204, dependencies=[Depends(quota)])
async def remove_order(order_id: str, service: Service) -> None:
    await service.remove(order_id)
