# expect: tenancy.unused, errors.unmapped, breaker.missing, caching.missing, limits.missing
# present: logging, metrics, input_models
# absent: rate_limiting, multi_tenancy, error_handling, circuit_breaker, caching
"""The tenant is required and then forgotten; an unguarded GraphQL upstream; a limiter made and never applied."""

import logging

import aiohttp
from fastapi import APIRouter, Depends, Header, Query, Request
from prometheus_client import Counter
from pydantic import BaseModel
from slowapi import Limiter
from slowapi.util import get_remote_address

from search.settings import settings

logger = logging.getLogger(__name__)
SEARCHES = Counter("searches_total", "Searches.")
limiter = Limiter(key_func=get_remote_address)
router = APIRouter()


class Hit(BaseModel):
    id: str
    title: str


class Hits(BaseModel):
    hits: list[Hit]


def verify_tenant(x_tenant_id: str = Header(min_length=2, max_length=40)) -> str:
    return x_tenant_id


def graphql(request: Request) -> aiohttp.ClientSession:
    return request.app.state.graphql


@router.get("/search", response_model=Hits)
# fires below: limits.missing, errors.unmapped, breaker.missing, caching.missing
async def search(
    q: str = Query(max_length=100),
    first: int = Query(20, ge=1, le=50),
    tenant_id: str = Depends(verify_tenant),  # fires: tenancy.unused
    session: aiohttp.ClientSession = Depends(graphql),
):
    SEARCHES.inc()
    logger.info("search of %d characters", len(q))
    body = {"query": "query($q: String!, $n: Int!) { hits(q: $q, first: $n) { id title } }", "variables": {"q": q, "n": first}}
    async with session.post(settings.graphql_url, json=body, timeout=aiohttp.ClientTimeout(total=3)) as answer:
        data = await answer.json()
    return Hits(hits=data["data"]["hits"])
