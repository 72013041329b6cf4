# expect: limits.missing, tenancy.missing, caching.missing, errors.unmapped, logging.missing, injection.client_per_request, breaker.missing, metrics.missing, models.response
# absent: rate_limiting, caching, multi_tenancy, error_handling, dependency_injection, logging, circuit_breaker, metrics
# because: every job is told of in comments and texts, none is done
"""Products. Rate limiting, caching, tenant isolation, error handling, logging, metrics and circuit breaker: all here."""

import os

import httpx
from fastapi import APIRouter

router = APIRouter()
FEATURES = "EnterpriseRateLimiter cache.fetch invalidate_by_event X-Tenant-ID logger.info CircuitBreaker Counter"

# limiter = Depends(rate_limited("products"))
# tenant: Tenant = Depends(get_tenant_id)
# logger = logging.getLogger(__name__)
# REQUESTS = Counter("requests", "All requests")


@router.get("/products/{product_id}")
async def get_product(product_id: str):  # fires: limits.missing, tenancy.missing, models.response
    """Return a product from the cache (tenant_id in the key), rate limited, with a circuit breaker."""
    # found = await cache.fetch("product", tenant, product_id)
    # try:
    async with httpx.AsyncClient() as client:  # fires: injection.client_per_request
        answer = await client.get(os.environ["ENGINE"] + "/products/" + product_id)
    # except httpx.HTTPError: logger.error("engine down"); raise HTTPException(502)
    return answer.json()
