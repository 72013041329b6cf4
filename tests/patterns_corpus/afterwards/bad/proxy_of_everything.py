# expect: limits.missing, tenancy.missing, injection.client_per_request, timeouts.missing, errors.text_told, logs.secrets, breaker.missing, metrics.missing, caching.missing
# present: logging
# absent: rate_limiting, multi_tenancy, timeouts
"""A catch-all proxy: aiohttp per request without a limit of time, headers in the log, the exception in the answer."""

import logging
import os

import aiohttp
from fastapi import APIRouter, HTTPException, Request, Response

logger = logging.getLogger("proxy")
router = APIRouter()
TARGET = os.environ["LEGACY_URL"]
HOP_BY_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length"}


@router.api_route("/legacy/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
# fires below: limits.missing, tenancy.missing, breaker.missing, metrics.missing, caching.missing
async def legacy(path: str, request: Request):
    headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
    logger.info("proxying %s with %s", path, headers)  # fires: logs.secrets
    try:
        async with aiohttp.ClientSession() as session:  # fires: injection.client_per_request, timeouts.missing
            async with session.request(
                request.method, f"{TARGET}/{path}", headers=headers, data=await request.body(), params=request.query_params
            ) as upstream:
                body = await upstream.read()
                kept = {name: value for name, value in upstream.headers.items() if name.lower() not in HOP_BY_HOP}
                return Response(body, upstream.status, kept)
    except aiohttp.ClientError as e:
        logger.error("legacy failed")
        raise HTTPException(status_code=502, detail=f"legacy error: {e!r}")  # fires: errors.text_told
