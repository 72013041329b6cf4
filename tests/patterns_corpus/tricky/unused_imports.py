# expect: limits.missing, tenancy.missing, logging.missing, metrics.missing, models.response
"""Everything is imported, nothing is used."""
import logging

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter

from backend.dependencies_enterprise import Cache, Coherence, Engine, Limiter, Tenant, rate_limited
from backend.utils.circuit_breaker import CircuitBreaker

logger = logging.getLogger(__name__)
CALLS = Counter("calls_total", "Calls.")
router = APIRouter()


@router.get("/answer")
async def answer():
    return {"answer": 42}
