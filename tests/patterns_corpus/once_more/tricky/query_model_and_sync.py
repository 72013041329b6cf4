# expect: nothing
# present: pagination, rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker
"""A page's bounds are fields of a query model; routes are plain functions with a synchronous client and sync Redis."""

import logging
from typing import Annotated, Literal

import httpx
import redis
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from prometheus_client import Counter
from pydantic import BaseModel, Field
from slowapi import Limiter

from movies.deps import breaker, sync_http, tenant_id

logger = logging.getLogger(__name__)
FOUND = Counter("movies_found_total", "Movies found.")
limiter = Limiter(key_func=lambda request: request.headers["x-tenant-id"], storage_uri="memory://")
router = APIRouter(prefix="/movies")
Tenant = Annotated[str, Depends(tenant_id)]
Http = Annotated[httpx.Client, Depends(sync_http)]


class Filter(BaseModel):
    model_config = {"extra": "forbid"}
    limit: int = Field(20, gt=0, le=100)
    offset: int = Field(0, ge=0)
    order_by: Literal["title", "year"] = "title"
    genres: list[str] = []


class Movies(BaseModel):
    movies: list[str]


def get_redis(request: Request) -> redis.Redis:
    return request.app.state.redis


@router.get("", response_model=Movies)
@limiter.limit("50/minute")
def list_movies(
    request: Request,
    wanted: Annotated[Filter, Query()],
    tenant: Tenant,
    http: Http,
    store: Annotated[redis.Redis, Depends(get_redis)],
):
    key = f"cache:movies:{tenant}:{wanted.model_dump_json()}"
    if (kept := store.get(key)) is not None:
        return Movies.model_validate_json(kept)
    try:
        with breaker("movies"):
            answer = http.get("/movies", params=wanted.model_dump(), headers={"X-Tenant-ID": tenant}, timeout=3)
            answer.raise_for_status()
    except httpx.TimeoutException:
        raise HTTPException(504, "the movies are late") from None
    except httpx.HTTPError as error:
        logger.warning("movies: %s", type(error).__name__)
        raise HTTPException(502, "the movies failed") from None
    store.set(key, answer.content, ex=60)
    FOUND.inc()
    return Movies.model_validate_json(answer.content)
