# expect: nothing
"""Everything that repeats is declared once, on the router."""
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query, Request

from platform_kit.auth import tenant_of
from platform_kit.limits import rate_limit
from platform_kit.metrics import timed
from platform_kit.models import Ticket, TicketIn

log = structlog.get_logger()
router = APIRouter(prefix="/tickets", dependencies=[Depends(tenant_of), Depends(rate_limit), Depends(timed("tickets"))])


class TicketStore:
    def __init__(self, request: Request) -> None:
        self._pool = request.app.state.pool

    async def newest(self, tenant: str, limit: int) -> list[Ticket]: ...

    async def add(self, tenant: str, ticket: TicketIn) -> Ticket: ...


Store = Annotated[TicketStore, Depends()]


@router.get("/")
async def newest(store: Store, tenant: Annotated[str, Depends(tenant_of)], limit: Annotated[int, Query(le=100)] = 20) -> list[Ticket]:
    return await store.newest(tenant, limit)


@router.post("/", status_code=201)
async def open_ticket(ticket: TicketIn, store: Store, tenant: Annotated[str, Depends(tenant_of)]) -> Ticket:
    log.info("ticket opened", tenant=tenant)
    return await store.add(tenant, ticket)
