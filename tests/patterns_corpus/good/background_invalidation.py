# expect: nothing
"""The invalidation is handed to a background task, after the answer."""
import logging

from fastapi import APIRouter, BackgroundTasks, Depends

from cms.deps import Limits, caches, limits, metrics, pages, tenant
from cms.tasks import invalidate_pages
from cms.types import Page, PageIn

logger = logging.getLogger("cms")
router = APIRouter()


@router.get("/pages/{slug}")
async def page(slug: str, tenant: str = Depends(tenant), limits: Limits = Depends(limits), cache=Depends(caches), store=Depends(pages),
               metrics=Depends(metrics)) -> Page:
    await limits.enforce_limit(tenant, "page")
    metrics.increment("cms.page")
    return await cache.remember(f"page:{tenant}:{slug}", 60, lambda: store.find(tenant, slug))


@router.put("/pages/{slug}")
async def put_page(slug: str, new: PageIn, tasks: BackgroundTasks, tenant: str = Depends(tenant), limits: Limits = Depends(limits),
                   store=Depends(pages)) -> Page:
    await limits.enforce_limit(tenant, "put_page")
    saved = await store.save(tenant, slug, new)
    tasks.add_task(invalidate_pages, tenant, slug)
    logger.info("page saved", extra={"tenant": tenant, "slug": slug})
    return saved
