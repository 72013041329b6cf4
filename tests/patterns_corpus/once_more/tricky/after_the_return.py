# expect: caching.no_invalidation
# present: rate_limiting, multi_tenancy, logging, metrics
# absent: caching
"""Create announces through a helper, update through a decorator of this file; remove would, if it had not returned."""

import functools
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from wiki.deps import Pages, get_pages, get_redis, limit_requests, tenant

logger = logging.getLogger(__name__)
EDITS = Counter("wiki_edits_total", "Edits.")
Tenant = Annotated[str, Depends(tenant)]
Wiki = Annotated[Pages, Depends(get_pages)]
Store = Annotated[Redis, Depends(get_redis)]
router = APIRouter(prefix="/pages", dependencies=[Depends(limit_requests("wiki"))])


class Page(BaseModel):
    title: str = Field(max_length=120)
    text: str = Field(max_length=50_000)


async def changed(store: Redis, tenant: str, slug: str) -> None:
    await store.delete(f"page:{tenant}:{slug}")
    await store.publish(f"cache_coherence:{tenant}", slug)
    EDITS.inc()
    logger.info("page %s changed", slug)


def announces(function):
    @functools.wraps(function)
    async def wrapper(*args, store: Redis, tenant: str, slug: str, **kwargs):
        answer = await function(*args, store=store, tenant=tenant, slug=slug, **kwargs)
        await changed(store, tenant, slug)
        return answer

    return wrapper


@router.get("/{slug}")
async def read(slug: str, tenant: Tenant, wiki: Wiki, store: Store) -> Page:
    if (kept := await store.get(f"page:{tenant}:{slug}")) is not None:
        return Page.model_validate_json(kept)
    page = await wiki.find(tenant, slug)
    if page is None:
        raise HTTPException(404, "no such page")
    await store.set(f"page:{tenant}:{slug}", page.model_dump_json(), ex=600)
    return page


@router.post("/{slug}", status_code=201)
async def create(slug: str, page: Page, tenant: Tenant, wiki: Wiki, store: Store) -> Page:
    created = await wiki.insert(tenant, slug, page)
    await changed(store, tenant, slug)
    return created


@router.put("/{slug}")
@announces
async def update(slug: str, page: Page, tenant: Tenant, wiki: Wiki, store: Store) -> Page:
    return await wiki.update(tenant, slug, page)


@router.delete("/{slug}", status_code=204)
# fires below: caching.no_invalidation
async def remove(slug: str, tenant: Tenant, wiki: Wiki, store: Store) -> None:
    if await wiki.delete(tenant, slug):
        return
    raise HTTPException(404, "no such page")
    await changed(store, tenant, slug)
