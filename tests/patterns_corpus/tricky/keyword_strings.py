# expect: limits.missing, tenancy.missing, logging.missing, metrics.missing, models.response
"""All the right words, in strings."""
from fastapi import APIRouter

router = APIRouter()
FEATURES = ["rate_limiter", "cache_manager", "tenant isolation", "circuit breaker", "logger.info", "prometheus metrics"]
DOC = """
try:
    await limiter.check(tenant_id, "features")
except HTTPException:
    logger.error("failed")
"""


@router.get("/features")
async def features():
    return {"features": FEATURES, "doc": DOC}
