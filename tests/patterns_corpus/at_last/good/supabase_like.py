# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, circuit_breaker, logging, metrics
"""A PostgREST proxy: auth context object, limits in a decorator from another package, cache-aside class, stamina, own breaker."""

import logging
from dataclasses import dataclass
from typing import Annotated

import httpx
import stamina
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from prometheus_client import Counter
from pydantic import BaseModel, TypeAdapter
from redis.asyncio import Redis

from core.auth import AuthContext, auth_context
from core.breaker import circuit
from core.limits import throttle

logger = logging.getLogger(__name__)
ROWS = Counter("rows_served_total", "Rows served.", ["table"])
Auth = Annotated[AuthContext, Depends(auth_context)]


class Row(BaseModel):
    id: int
    label: str


rows_of = TypeAdapter(list[Row])


@dataclass
class CacheAside:
    redis: Redis
    seconds: int = 30

    @staticmethod
    def key(org_id: str, table: str, limit: int) -> str:
        return f"cache:rows:{org_id}:{table}:{limit}"

    async def load(self, org_id: str, table: str, limit: int) -> list[Row] | None:
        raw = await self.redis.get(self.key(org_id, table, limit))
        return rows_of.validate_json(raw) if raw else None

    async def store(self, org_id: str, table: str, limit: int, rows: list[Row]) -> None:
        await self.redis.setex(self.key(org_id, table, limit), self.seconds, rows_of.dump_json(rows))


def cache_aside(request: Request) -> CacheAside:
    return CacheAside(request.app.state.redis)


def rest(request: Request) -> httpx.AsyncClient:
    return request.app.state.rest


router = APIRouter(prefix="/tables")


@circuit("rest")
@stamina.retry(on=httpx.ConnectError, attempts=2, timeout=3.0)
async def select(http: httpx.AsyncClient, auth: AuthContext, table: str, limit: int) -> list[Row]:
    params = {"select": "id,label", "organization_id": f"eq.{auth.org_id}", "limit": limit}
    response = await http.get(f"/{table}", params=params, headers={"Authorization": f"Bearer {auth.service_key}"})
    if response.is_client_error:
        raise HTTPException(404 if response.status_code == 404 else 422, "no such table")
    response.raise_for_status()
    return rows_of.validate_json(response.content)


@router.get("/{table}")
@throttle("60/minute", by=lambda auth, **_: auth.org_id)
async def read_table(
    table: str,
    auth: Auth,
    http: Annotated[httpx.AsyncClient, Depends(rest)],
    cache: Annotated[CacheAside, Depends(cache_aside)],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[Row]:
    if (kept := await cache.load(auth.org_id, table, limit)) is not None:
        return kept
    try:
        rows = await select(http, auth, table, limit)
    except httpx.TimeoutException:
        raise HTTPException(504, "the store is late") from None
    except httpx.HTTPError as e:
        logger.warning("select failed", extra={"org": auth.org_id, "kind": type(e).__name__})
        raise HTTPException(502, "the store failed") from None
    await cache.store(auth.org_id, table, limit, rows)
    ROWS.labels(table).inc(len(rows))
    return rows
