# expect: nothing
"""Nothing but functions."""
import json
import logging

from fastapi import APIRouter, HTTPException, Request, Response
from opentelemetry import metrics

from app.schemas import Quote, QuoteRequest

audit = logging.getLogger("audit")
meter = metrics.get_meter("quotes")
quotes_made = meter.create_counter("quotes_made")
router = APIRouter()


def tenant_from(request: Request) -> str:
    tenant = request.headers.get("x-tenant-id", "")
    if not 1 <= len(tenant) <= 64:
        raise HTTPException(400, "X-Tenant-ID is missing")
    return tenant


async def spend(request: Request, tenant: str, what: str, most: int) -> None:
    redis = request.app.state.redis
    async with redis.pipeline() as pipe:
        pipe.incr(f"rate_limit:{tenant}:{what}")
        pipe.expire(f"rate_limit:{tenant}:{what}", 60, nx=True)
        used, _ = await pipe.execute()
    if used > most:
        raise HTTPException(429, "slow down", headers={"Retry-After": "60"})


async def cached_quote(request: Request, tenant: str, quote_id: str):
    return await request.app.state.redis.get(f"cache:quote:{tenant}:{quote_id}")


async def drop_quote(request: Request, tenant: str, quote_id: str) -> None:
    await request.app.state.redis.unlink(f"cache:quote:{tenant}:{quote_id}")
    await request.app.state.redis.publish(f"cache_coherence:{tenant}", json.dumps({"type": "quote_changed"}))


@router.get("/quotes/{quote_id}", response_model=Quote)
async def read_quote(quote_id: str, request: Request):
    tenant = tenant_from(request)
    await spend(request, tenant, "read_quote", 100)
    kept = await cached_quote(request, tenant, quote_id)
    if kept:
        return Response(kept, media_type="application/json")
    row = await request.app.state.quotes.find(tenant, quote_id)
    if row is None:
        raise HTTPException(404)
    await request.app.state.redis.setex(f"cache:quote:{tenant}:{quote_id}", 120, json.dumps(row))
    return row


@router.put("/quotes/{quote_id}", response_model=Quote)
async def change_quote(quote_id: str, wanted: QuoteRequest, request: Request):
    tenant = tenant_from(request)
    await spend(request, tenant, "change_quote", 20)
    row = await request.app.state.quotes.change(tenant, quote_id, wanted)
    await drop_quote(request, tenant, quote_id)
    quotes_made.add(1, {"tenant": tenant})
    audit.info("quote changed", extra={"tenant": tenant, "quote": quote_id})
    return row
