# expect: nothing
# present: rate_limiting, caching, multi_tenancy, dependency_injection, circuit_breaker
"""dependency-injector: the container holds clients; the service layer in the same file does the jobs."""

import json
import logging

import httpx
import pybreaker
from dependency_injector import containers, providers
from dependency_injector.wiring import Provide, inject
from fastapi import APIRouter, Depends, HTTPException, Request, Security
from prometheus_client import Counter, Histogram
from pydantic import BaseModel
from redis.asyncio import Redis

from billing.security import Principal, principal

logger = logging.getLogger("billing.invoices")
INVOICES = Counter("invoices_read_total", "Invoices read.", ["source"])
LEDGER = Histogram("ledger_seconds", "Time of the ledger's answers.")


class Invoice(BaseModel):
    id: str
    total_cents: int
    paid: bool


class LedgerUnavailable(Exception):
    """The ledger did not answer, or not as agreed."""


class InvoiceService:
    TTL = 300

    def __init__(self, http: httpx.AsyncClient, redis: Redis, breaker: pybreaker.CircuitBreaker, limit: int) -> None:
        self._http, self._redis, self._breaker, self._limit = http, redis, breaker, limit

    async def allow(self, account: str) -> bool:
        key = f"rate_limit:{account}:invoices"
        async with self._redis.pipeline(transaction=True) as pipe:
            count, _ = await pipe.incr(key).expire(key, 60, nx=True).execute()
        return count <= self._limit

    async def one(self, account: str, invoice_id: str) -> Invoice | None:
        key = f"cache:invoice:{account}:{invoice_id}"
        cached = await self._redis.get(key)
        if cached:
            INVOICES.labels("cache").inc()
            return Invoice(**json.loads(cached))
        try:
            with LEDGER.time(), self._breaker.calling():
                answer = await self._http.get(f"/accounts/{account}/invoices/{invoice_id}", timeout=3.0)
        except (httpx.HTTPError, pybreaker.CircuitBreakerError) as error:
            raise LedgerUnavailable from error
        if answer.status_code == 404:
            return None
        if answer.is_error:
            raise LedgerUnavailable
        invoice = Invoice.model_validate(answer.json())
        await self._redis.set(key, invoice.model_dump_json(), ex=self.TTL)
        INVOICES.labels("ledger").inc()
        return invoice


class Container(containers.DeclarativeContainer):
    config = providers.Configuration()
    http = providers.Singleton(httpx.AsyncClient, base_url=config.ledger_url, timeout=config.ledger_timeout)
    redis = providers.Singleton(Redis.from_url, config.redis_url)
    breaker = providers.Singleton(pybreaker.CircuitBreaker, fail_max=5, reset_timeout=30)
    invoices = providers.Factory(InvoiceService, http=http, redis=redis, breaker=breaker, limit=config.limit)


router = APIRouter(prefix="/invoices")


@router.get("/{invoice_id}", response_model=Invoice)
@inject
async def get_invoice(
    request: Request,
    invoice_id: str,
    who: Principal = Security(principal, scopes=["invoices:read"]),
    invoices: InvoiceService = Depends(Provide[Container.invoices]),
):
    account = who.account_id
    if not await invoices.allow(account):
        raise HTTPException(429, "slow down", headers={"Retry-After": "60"})
    try:
        invoice = await invoices.one(account, invoice_id)
    except LedgerUnavailable:
        logger.warning("ledger unavailable", extra={"account": account})
        raise HTTPException(503, "the ledger is unavailable", headers={"Retry-After": "10"}) from None
    if invoice is None:
        raise HTTPException(404, "no such invoice")
    return invoice
