# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, metrics, input_models
"""v1 includes its parts with the dependencies; match maps the upstream's status; invalidation as a background task."""

from typing import Annotated, NoReturn

import httpx
from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Query
from loguru import logger
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.cache import JsonCache, get_cache
from gateway.guard import TenantContext, tenant_context, throttle
from gateway.http import ResilientClient, get_client

ORDERS = Counter("orders_total", "Orders by outcome.", ["outcome"])
Ctx = Annotated[TenantContext, Depends(tenant_context)]
Client = Annotated[ResilientClient, Depends(get_client)]
CacheDep = Annotated[JsonCache, Depends(get_cache)]

orders = APIRouter(prefix="/orders")
v1 = APIRouter(prefix="/v1")


class OrderIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sku: str = Field(max_length=40)
    quantity: int = Field(gt=0, le=1000)


class Order(OrderIn):
    id: int


class Orders(BaseModel):
    orders: list[Order]


def translate(error: Exception) -> NoReturn:
    logger.warning("orders upstream: {}", type(error).__name__)
    ORDERS.labels("failed").inc()
    match error:
        case httpx.TimeoutException():
            raise HTTPException(504, "orders timed out")
        case httpx.HTTPStatusError(response=httpx.Response(status_code=404)):
            raise HTTPException(404, "no such order")
        case httpx.HTTPStatusError(response=httpx.Response(status_code=422)):
            raise HTTPException(422, "orders refused this")
        case ValidationError():
            raise HTTPException(502, "orders answered nonsense")
        case _:
            raise HTTPException(502, "orders failed")


@orders.get("")
async def list_orders(
    ctx: Ctx, client: Client, cache: CacheDep, limit: Annotated[int, Query(ge=1, le=100)] = 25
) -> Orders:
    key = f"orders:{ctx.tenant_id}:{limit}"
    if (found := await cache.get_json(key)) is not None:
        return Orders.model_validate(found)
    try:
        response = await client.get("/orders", params={"limit": limit}, headers=ctx.headers, timeout=3)
        response.raise_for_status()
        answer = Orders.model_validate_json(response.content)
    except (httpx.HTTPError, ValidationError) as error:
        translate(error)
    await cache.set_json(key, answer.model_dump(), ttl=30)
    return answer


@orders.post("", status_code=201)
async def place_order(ctx: Ctx, client: Client, cache: CacheDep, order: OrderIn, tasks: BackgroundTasks) -> Order:
    try:
        response = await client.post("/orders", json=order.model_dump(), headers=ctx.headers, timeout=3)
        response.raise_for_status()
        placed = Order.model_validate_json(response.content)
    except (httpx.HTTPError, ValidationError) as error:
        translate(error)
    tasks.add_task(cache.delete_prefix, f"orders:{ctx.tenant_id}:")
    ORDERS.labels("placed").inc()
    return placed


v1.include_router(orders, dependencies=[Depends(throttle("orders"))])
router = v1
