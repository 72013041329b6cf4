# expect: nothing
# present: rate_limiting, caching, multi_tenancy, dependency_injection, logging
# because: fastapi-utils' class-based view, slowapi keyed by tenant, aiocache with a tenant in the key, structlog
"""Invoices as a class-based view."""

import structlog
from aiocache import Cache, cached
from fastapi import APIRouter, Depends, Header, HTTPException, Request
from fastapi_utils.cbv import cbv
from prometheus_client import Histogram
from pydantic import BaseModel, Field
from slowapi import Limiter

from billing.db import InvoiceStore, NotFound, get_store

log = structlog.get_logger()
SECONDS = Histogram("invoices_seconds", "Time an invoice request takes.", ["verb"])
router = APIRouter(prefix="/invoices")


def tenant_of_request(request: Request) -> str:
    return request.headers["x-tenant-id"]


limiter = Limiter(key_func=tenant_of_request)


def require_tenant(x_tenant_id: str = Header(min_length=1, max_length=64)) -> str:
    return x_tenant_id


def invoice_key(function, self, tenant: str, number: int) -> str:
    return f"invoice:{tenant}:{number}"


class Invoice(BaseModel):
    number: int = Field(ge=1)
    cents: int = Field(ge=0)


class InvoiceReader:
    def __init__(self, store: InvoiceStore = Depends(get_store)) -> None:
        self.store = store

    @cached(ttl=60, cache=Cache.REDIS, key_builder=invoice_key)
    async def one(self, tenant: str, number: int) -> Invoice:
        return await self.store.one(tenant, number)

    async def forget(self, tenant: str, number: int) -> None:
        await self.one.cache.delete(f"invoice:{tenant}:{number}")


@cbv(router)
class Invoices:
    tenant: str = Depends(require_tenant)
    reader: InvoiceReader = Depends()

    @router.get("/{number}")
    @limiter.limit("60/minute")
    async def read(self, request: Request, number: int) -> Invoice:
        with SECONDS.labels("read").time():
            try:
                return await self.reader.one(self.tenant, number)
            except NotFound:
                log.info("invoice_unknown", tenant=self.tenant, number=number)
                raise HTTPException(404, "no such invoice") from None

    @router.put("/{number}")
    @limiter.limit("20/minute")
    async def replace(self, request: Request, number: int, invoice: Invoice) -> Invoice:
        with SECONDS.labels("replace").time():
            kept = await self.reader.store.keep(self.tenant, number, invoice)
        await self.reader.forget(self.tenant, number)
        log.info("invoice_replaced", tenant=self.tenant, number=number)
        return kept
