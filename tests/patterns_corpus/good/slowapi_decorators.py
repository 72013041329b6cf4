# expect: nothing
"""Third-party all the way: slowapi, fastapi-cache, circuitbreaker, prometheus."""
import logging

import httpx
from circuitbreaker import circuit
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi_cache import FastAPICache
from fastapi_cache.decorator import cache
from prometheus_client import Counter
from pydantic import BaseModel

from shop.clients import upstream_client
from shop.limits import limiter

log = logging.getLogger("shop.invoices")
SEEN = Counter("invoices_seen_total", "Invoices looked at.")
router = APIRouter(prefix="/invoices")


class Invoice(BaseModel):
    id: str
    total: int


class NewInvoice(BaseModel):
    total: int


@circuit(failure_threshold=5)
async def ask(client: httpx.AsyncClient, org: str, method: str, path: str, **options):
    answer = await client.request(method, path, headers={"X-Org": org}, timeout=2, **options)
    answer.raise_for_status()
    return answer.json()


@router.get("/{invoice_id}", response_model=Invoice)
@limiter.limit("60/minute")
@cache(expire=30)
async def read_invoice(
    request: Request, invoice_id: str, x_org_id: str = Header(), client: httpx.AsyncClient = Depends(upstream_client)
):
    SEEN.inc()
    try:
        return await ask(client, x_org_id, "GET", f"/invoices/{invoice_id}")
    except httpx.HTTPStatusError as err:
        raise HTTPException(404 if err.response.status_code == 404 else 502) from err
    except httpx.TransportError as err:
        log.warning("billing is down: %s", type(err).__name__)
        raise HTTPException(503) from err


@router.post("", response_model=Invoice, status_code=201)
@limiter.limit("10/minute")
async def add_invoice(
    request: Request, new: NewInvoice, x_org_id: str = Header(), client: httpx.AsyncClient = Depends(upstream_client)
):
    try:
        made = await ask(client, x_org_id, "POST", "/invoices", json=new.model_dump())
    except httpx.HTTPError as err:
        raise HTTPException(502) from err
    await FastAPICache.clear(namespace=f"invoices:{x_org_id}")
    return made
