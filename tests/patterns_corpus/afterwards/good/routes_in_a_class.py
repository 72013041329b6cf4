# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, dependency_injection, circuit_breaker
"""A class assembles the router from its methods with add_api_route; problems are exceptions of its own with a translator."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from opentelemetry.metrics import get_meter
from pydantic import BaseModel
from redis.asyncio import Redis

logger = logging.getLogger(__name__)
requests_made = get_meter("articles").create_counter("articles_requests")


class Article(BaseModel):
    id: int
    title: str


class Articles(BaseModel):
    articles: list[Article]


class Problem(Exception):
    status, title = 500, "something failed"


class UpstreamLate(Problem):
    status, title = 504, "the archive did not answer in time"


class UpstreamBroken(Problem):
    status, title = 502, "the archive failed"


class Fuse:
    """Blows after five failures in a row; mended after half a minute."""

    def __init__(self) -> None:
        self.failures, self.blown_at = 0, 0.0

    async def run(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        if self.failures >= 5 and time.monotonic() - self.blown_at < 30:
            raise HTTPException(503, "the archive is not asked right now", headers={"Retry-After": "30"})
        try:
            response = await call()
            response.raise_for_status()
        except httpx.TimeoutException as error:
            self._failed()
            raise UpstreamLate from error
        except httpx.HTTPError as error:
            self._failed()
            raise UpstreamBroken from error
        self.failures = 0
        return response

    def _failed(self) -> None:
        self.failures, self.blown_at = self.failures + 1, time.monotonic()


def tenant_of(request: Request) -> str:
    tenant = request.headers.get("x-tenant-id", "")
    if not tenant.replace("-", "").isalnum():
        raise HTTPException(400, "X-Tenant-ID is required")
    return tenant


Tenant = Annotated[str, Depends(tenant_of)]


class ArticleRoutes:
    def __init__(self, redis: Redis, archive: httpx.AsyncClient, per_minute: int = 120) -> None:
        self.redis, self.archive, self.per_minute, self.fuse = redis, archive, per_minute, Fuse()
        self.router = APIRouter(prefix="/articles", dependencies=[Depends(self.count)])
        self.router.add_api_route("", self.index, methods=["GET"], response_model=Articles)
        self.router.add_api_route("/{article_id}", self.show, methods=["GET"], response_model=Article)

    async def count(self, tenant: Tenant) -> None:
        window = int(time.time() // 60)
        key = f"rate_limit:{tenant}:articles:{window}"
        used, _ = await asyncio.gather(self.redis.incr(key), self.redis.expire(key, 120))
        if used > self.per_minute:
            raise HTTPException(429, "too many requests", headers={"Retry-After": str(60 - int(time.time()) % 60)})

    async def index(self, tenant: Tenant, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Articles:
        return Articles.model_validate(await self.read(tenant, "/articles", limit=limit))

    async def show(self, tenant: Tenant, article_id: Annotated[int, Path(ge=1)]) -> Article:
        return Article.model_validate(await self.read(tenant, f"/articles/{article_id}"))

    async def read(self, tenant: str, path: str, **params: int) -> dict:
        key = f"cache:articles:{tenant}:{path}:{sorted(params.items())}"
        if (kept := await self.redis.get(key)) is not None:
            return json.loads(kept)
        try:
            headers = {"X-Tenant-ID": tenant}
            response = await self.fuse.run(lambda: self.archive.get(path, params=params, headers=headers, timeout=2.0))
        except Problem as problem:
            logger.warning("%s: %s", path, problem.title, extra={"tenant": tenant})
            raise HTTPException(problem.status, problem.title) from problem
        requests_made.add(1, {"tenant": tenant})
        await self.redis.set(key, response.content, ex=30)
        return response.json()
