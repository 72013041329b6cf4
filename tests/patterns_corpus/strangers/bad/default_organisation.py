# expect: tenancy.optional, limits.unheeded, lists.unbounded, models.response
# present: caching, logging, metrics
# absent: multi_tenancy, rate_limiting, pagination, response_models
"""Who names no organisation gets the public one; the limiter is asked and not listened to."""

import logging

from fastapi import APIRouter, Depends, Request
from prometheus_client import Counter

from docs.cache import Cache, get_cache
from docs.limiter import RateLimiter, get_limiter
from docs.storage import DocumentStore, get_store

logger = logging.getLogger(__name__)
LISTED = Counter("documents_listed_total", "Lists.")
router = APIRouter(prefix="/documents")


def organisation(request: Request) -> str:
    return request.headers.get("X-Tenant-ID") or "public"  # fires: tenancy.optional


@router.get("/")
# fires below: lists.unbounded, models.response
async def list_documents(
    tenant: str = Depends(organisation),
    limiter: RateLimiter = Depends(get_limiter),
    cache: Cache = Depends(get_cache),
    store: DocumentStore = Depends(get_store),
):
    allowed = await limiter.is_allowed(f"{tenant}:documents")  # fires: limits.unheeded
    logger.info("limiter said %s", allowed)
    LISTED.inc()
    documents = await cache.get(f"documents:{tenant}")
    if documents is None:
        documents = await store.all_documents(tenant)
        await cache.set(f"documents:{tenant}", documents, ttl=60)
    return {"documents": documents, "count": len(documents)}
