# expect: async.blocking, injection.global_client, tenancy.optional, errors.swallowed, limits.missing, lists.unbounded, models.response, metrics.missing
# present: logging
# absent: async_code, multi_tenancy, rate_limiting, pagination, dependency_injection
"""psycopg2 at import and in async code; the tenant is an optional query parameter; failures are an empty list."""

import logging
import os

import psycopg2
from fastapi import APIRouter, Query

logger = logging.getLogger(__name__)
router = APIRouter()
conn = psycopg2.connect(os.environ["DATABASE_URL"])  # fires: injection.global_client


@router.get("/payments")
# fires below: limits.missing, lists.unbounded, models.response, metrics.missing
async def payments(
    tenant: str = Query(""),  # fires: tenancy.optional
    status: str = "open",
):
    try:
        cursor = conn.cursor()
        if tenant:
            cursor.execute("SELECT * FROM payments WHERE tenant = %s AND status = %s", (tenant, status))  # fires: async.blocking
        else:
            cursor.execute("SELECT * FROM payments WHERE status = %s", (status,))  # fires: async.blocking
        rows = cursor.fetchall()  # fires: async.blocking
        logger.info("%d payments", len(rows))
        return rows
    except Exception:  # fires: errors.swallowed
        return []
