# expect: nothing
# present: rate_limiting, multi_tenancy, dependency_injection, logging, metrics
# because: the parent router carries tenant, limit and telemetry of its children; the children hold writes that bust
import logging
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from desk.guards import authenticated_tenant, enforce_rate_limit, record_metrics
from desk.services import TicketCache, TicketService, ticket_cache, ticket_service

audit = logging.getLogger("desk.audit")

reads = APIRouter()
writes = APIRouter()


class Ticket(BaseModel):
    id: int
    subject: str = Field(max_length=200)


class NewTicket(BaseModel):
    subject: str = Field(max_length=200)


Tenant = Annotated[str, Depends(authenticated_tenant)]


@reads.get("/{ticket_id}", response_model=Ticket)
async def read_ticket(
    ticket_id: int,
    tenant: Tenant,
    tickets: Annotated[TicketService, Depends(ticket_service)],
    cache: Annotated[TicketCache, Depends(ticket_cache)],
):
    cached = await cache.get(tenant, ticket_id)
    if cached is not None:
        return cached
    ticket = await tickets.get(tenant, ticket_id)
    await cache.set(tenant, ticket_id, ticket, ttl=60)
    return ticket


@writes.post("", response_model=Ticket, status_code=201)
async def open_ticket(
    new: NewTicket,
    tenant: Tenant,
    tickets: Annotated[TicketService, Depends(ticket_service)],
    cache: Annotated[TicketCache, Depends(ticket_cache)],
):
    opened = await tickets.open(tenant, new)
    await cache.invalidate(tenant)
    audit.info("ticket opened", extra={"tenant": tenant})
    return opened


router = APIRouter(
    prefix="/tickets",
    dependencies=[Depends(authenticated_tenant), Depends(enforce_rate_limit), Depends(record_metrics)],
)
router.include_router(reads)
router.include_router(writes)
