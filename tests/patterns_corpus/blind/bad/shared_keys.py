# expect: caching.key_without_tenant, limits.key_without_tenant, caching.no_ttl
# because: the tenant is known and left out of the counter's and the answers' names; one answer is kept for ever
import logging

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel
from redis.asyncio import Redis

from library.wiring import Books, books, redis_of_app, tenant_id

logger = logging.getLogger(__name__)
READ = Counter("books_read_total", "Books.")
router = APIRouter(prefix="/books")


class Book(BaseModel):
    isbn: str


def book_key(isbn: str) -> str:
    return f"cache:book:{isbn}"


async def limit(tenant: str = Depends(tenant_id), redis: Redis = Depends(redis_of_app)) -> None:
    logger.debug("counting %s", tenant)
    key = "rate_limit:books"
    await redis.set(key, 0, ex=60, nx=True)
    if await redis.incr(key) > 500:  # fires: limits.key_without_tenant
        raise HTTPException(429, headers={"Retry-After": "60"})


@router.get("/{isbn}", dependencies=[Depends(limit)])
async def book(
    isbn: str,
    tenant: str = Depends(tenant_id),
    redis: Redis = Depends(redis_of_app),
    store: Books = Depends(books),
) -> Book:
    READ.inc()
    name = book_key(isbn)
    if (kept := await redis.get(name)) is not None:  # fires: caching.key_without_tenant
        return Book.model_validate_json(kept)
    found = await store.one(tenant, isbn)
    await redis.set(name, found.model_dump_json(), ex=60)  # fires: caching.key_without_tenant
    return found


@router.get("/{isbn}/cover", dependencies=[Depends(limit)])
async def cover(
    isbn: str,
    tenant: str = Depends(tenant_id),
    redis: Redis = Depends(redis_of_app),
    store: Books = Depends(books),
) -> Book:
    READ.inc()
    if (kept := await redis.get("cache:cover:%s:%s" % (tenant, isbn))) is not None:
        return Book.model_validate_json(kept)
    found = await store.cover(tenant, isbn)
    await redis.set("cache:cover:%s:%s" % (tenant, isbn), found.model_dump_json())  # fires: caching.no_ttl
    return found
