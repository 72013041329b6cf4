# expect: limits.missing
# present: multi_tenancy, logging, metrics, error_handling
# absent: rate_limiting
"""The guarded router has a route class that logs, times, maps and limits; the one beside it forgot the route class' limit."""

import logging
import time
from collections.abc import Callable
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from pydantic import BaseModel

from ledger.deps import EngineClient, get_engine, get_tenant, sliding_window
from ledger.deps import response_cache as cache

logger = logging.getLogger("ledger")
SECONDS = Histogram("ledger_request_seconds", "Seconds by route.", ["route"])
Tenant = Annotated[str, Depends(get_tenant)]
Engine = Annotated[EngineClient, Depends(get_engine)]


class Guarded(APIRoute):
    def get_route_handler(self) -> Callable:
        serve = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            started = time.perf_counter()
            try:
                return await serve(request)
            except httpx.TimeoutException:
                raise HTTPException(504, "the ledger is late") from None
            except httpx.HTTPError as error:
                logger.warning("ledger failed: %s", type(error).__name__)
                raise HTTPException(502, "the ledger failed") from None
            finally:
                SECONDS.labels(self.path).observe(time.perf_counter() - started)

        return guarded


class Balance(BaseModel):
    cents: int


class Transfer(BaseModel, extra="forbid"):
    to: str
    cents: int


limited = APIRouter(route_class=Guarded, dependencies=[Depends(sliding_window("ledger", 100, 60))])
forgotten = APIRouter(route_class=Guarded)


@limited.get("/balance")
@cache(ttl=5, key="balance:{tenant}")
async def balance(tenant: Tenant, engine: Engine) -> Balance:
    async with engine.breaker():
        return Balance(**await engine.get("/balance", tenant=tenant))


@forgotten.post("/transfers", status_code=201)
# fires below: limits.missing
async def transfer(transfer: Transfer, tenant: Tenant, engine: Engine) -> Balance:
    async with engine.breaker():
        done = await engine.post("/transfers", tenant=tenant, json=transfer.model_dump())
    await cache.invalidate(f"balance:{tenant}")
    return Balance(**done)


router = APIRouter(prefix="/ledger")
router.include_router(limited)
router.include_router(forgotten)
