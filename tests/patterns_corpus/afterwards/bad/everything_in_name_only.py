# expect: limits.missing, tenancy.missing, errors.swallowed, metrics.missing, models.response, breaker.missing, lists.unbounded
# present: logging
# absent: rate_limiting, multi_tenancy, circuit_breaker, metrics
"""Enterprise-grade, says its docstring: rate limiting, tenant isolation, circuit breaking, metrics. None of it is there."""

import functools
import logging

import httpx
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from core.circuit_breaker import CircuitBreaker  # noqa: F401
from core.rate_limiting import RateLimiter  # noqa: F401

logger = logging.getLogger(__name__)
# Rate limiting: 100 requests per minute per tenant
router = APIRouter(prefix="/api/v1/products", tags=["products"])
_product_cache: dict[str, dict] = {}


class ProductIn(BaseModel):
    name: str


def with_retry(attempts: int = 3):
    def decorator(func):
        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            for _ in range(attempts):
                try:
                    return await func(*args, **kwargs)
                except Exception:  # fires: errors.swallowed
                    continue
            return None

        return wrapper

    return decorator


def get_client(request: Request) -> httpx.AsyncClient:
    return request.app.state.client


@with_retry()
async def fetch(client: httpx.AsyncClient, path: str) -> dict:
    response = await client.get(path, timeout=5)
    response.raise_for_status()
    return response.json()


@router.get("/")
# fires below: limits.missing, tenancy.missing, metrics.missing, models.response, breaker.missing, lists.unbounded
async def list_products(client: httpx.AsyncClient = Depends(get_client)):
    """List products with tenant isolation and circuit breaking."""
    logger.info("listing products")
    return await fetch(client, "/products")


@router.get("/{product_id}")
async def get_product(product_id: str, client: httpx.AsyncClient = Depends(get_client)):
    if product_id in _product_cache:
        return _product_cache[product_id]
    _product_cache[product_id] = await fetch(client, f"/products/{product_id}")
    return _product_cache[product_id]
