# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker
"""A gRPC upstream with a deadline, its codes mapped, hyx round it, a TTL cache in the process, a bucket in Lua."""

import logging
import time
from typing import Annotated

import grpc
from cachetools import TTLCache
from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from hyx.circuitbreaker import consecutive_breaker
from hyx.circuitbreaker.exceptions import BreakerFailing
from prometheus_client import Counter
from pydantic import BaseModel
from redis.asyncio import Redis

from inventory.v1.inventory_pb2 import StockRequest
from inventory.v1.inventory_pb2_grpc import InventoryStub

logger = logging.getLogger(__name__)
STOCK = Counter("stock_lookups_total", "Look-ups of stock.", ["outcome"])
_STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNAVAILABLE: 503,
}
_TAKE = """
local tokens = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
if tokens < 1 then return 0 end
redis.call('SET', KEYS[1], tokens - 1, 'PX', ARGV[2], 'KEEPTTL')
return 1
"""
breaker = consecutive_breaker(exceptions=(grpc.aio.AioRpcError,), failure_threshold=5, recovery_time_secs=30)


class Stock(BaseModel):
    sku: str
    available: int


class Recent:
    """Answers of the last seconds, by tenant and article."""

    def __init__(self) -> None:
        self._kept: TTLCache[tuple[str, str], Stock] = TTLCache(maxsize=50_000, ttl=5)

    def get(self, tenant: str, sku: str) -> Stock | None:
        return self._kept.get((tenant, sku))

    def put(self, tenant: str, stock: Stock) -> None:
        self._kept[(tenant, stock.sku)] = stock


class Bucket:
    def __init__(self, size: int, refill_ms: int) -> None:
        self.size, self.refill_ms = size, refill_ms

    async def __call__(self, request: Request, x_tenant_id: Annotated[str, Header(max_length=40)]) -> str:
        redis: Redis = request.app.state.redis
        if not await redis.eval(_TAKE, 1, f"bucket:{x_tenant_id}:stock", self.size, self.refill_ms):
            raise HTTPException(429, "out of tokens", headers={"Retry-After": str(self.refill_ms // 1000)})
        return x_tenant_id


def stub(request: Request) -> InventoryStub:
    return request.app.state.inventory


def recent(request: Request) -> Recent:
    return request.app.state.recent


@breaker
async def look_up(inventory: InventoryStub, tenant: str, sku: str) -> Stock:
    reply = await inventory.GetStock(StockRequest(sku=sku), timeout=1.5, metadata=(("x-tenant-id", tenant),))
    return Stock(sku=sku, available=reply.available)


router = APIRouter(prefix="/stock")


@router.get("/{sku}", response_model=Stock)
async def get_stock(
    sku: str,
    response: Response,
    tenant: Annotated[str, Depends(Bucket(100, 60_000))],
    inventory: Annotated[InventoryStub, Depends(stub)],
    kept: Annotated[Recent, Depends(recent)],
) -> Stock:
    if (known := kept.get(tenant, sku)) is not None:
        STOCK.labels("kept").inc()
        return known
    started = time.perf_counter()
    try:
        found = await look_up(inventory, tenant, sku)
    except BreakerFailing:
        raise HTTPException(503, "inventory is resting", headers={"Retry-After": "30"}) from None
    except grpc.aio.AioRpcError as error:
        STOCK.labels("failed").inc()
        logger.warning("inventory answered %s", error.code().name, extra={"tenant": tenant})
        raise HTTPException(_STATUS.get(error.code(), 502), "inventory failed") from None
    kept.put(tenant, found)
    response.headers["Server-Timing"] = f"inventory;dur={(time.perf_counter() - started) * 1000:.1f}"
    STOCK.labels("fetched").inc()
    return found
