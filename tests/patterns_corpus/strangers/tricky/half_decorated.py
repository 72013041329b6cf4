# expect: limits.missing, caching.no_invalidation
# present: multi_tenancy, logging, metrics
# absent: rate_limiting, caching
"""slowapi on the read, forgotten on the delete; the put invalidates, the delete does not."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi_cache import FastAPICache
from fastapi_cache.decorator import cache
from prometheus_client import Counter
from pydantic import BaseModel, Field
from slowapi import Limiter

from desk.deps import Tickets, get_tickets, require_tenant

logger = logging.getLogger(__name__)
limiter = Limiter(key_func=lambda request: request.headers["x-tenant-id"])
WRITTEN = Counter("tickets_written_total", "Tickets written.")
Tenant = Annotated[str, Depends(require_tenant)]
Store = Annotated[Tickets, Depends(get_tickets)]
router = APIRouter(prefix="/tickets")


class Ticket(BaseModel):
    subject: str = Field(max_length=200)


def by_tenant(func, namespace="", *, request=None, response=None, args=(), kwargs=None):
    return f"{namespace}:{kwargs['tenant']}:{func.__name__}:{kwargs['ticket_id']}"


@router.get("/{ticket_id}", response_model=Ticket)
@limiter.limit("100/minute")
@cache(expire=60, namespace="tickets", key_builder=by_tenant)
async def get_ticket(request: Request, ticket_id: int, tenant: Tenant, store: Store):
    ticket = await store.one(tenant, ticket_id)
    if ticket is None:
        raise HTTPException(404, "no such ticket")
    return ticket


@router.put("/{ticket_id}", response_model=Ticket)
@limiter.limit("20/minute")
async def put_ticket(request: Request, ticket_id: int, ticket: Ticket, tenant: Tenant, store: Store):
    stored = await store.put(tenant, ticket_id, ticket)
    await FastAPICache.clear(namespace=f"tickets:{tenant}")
    WRITTEN.inc()
    logger.info("ticket %s written", ticket_id)
    return stored


@router.delete("/{ticket_id}", status_code=204)
# fires below: limits.missing, caching.no_invalidation
async def delete_ticket(ticket_id: int, tenant: Tenant, store: Store) -> None:
    await store.delete(tenant, ticket_id)
