# expect: async.blocking, injection.client_per_request, timeouts.missing, errors.unmapped, breaker.missing, caching.missing, metrics.missing
# present: rate_limiting, multi_tenancy, logging
# absent: async_code, timeouts, error_handling, circuit_breaker
"""async def all over, requests, boto3, open and subprocess underneath."""

import logging
import subprocess
from pathlib import Path
from typing import Annotated

import boto3
import requests
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from slowapi import Limiter

from media.auth import tenant_of
from media.settings import settings

logger = logging.getLogger(__name__)
limiter = Limiter(key_func=tenant_of)
router = APIRouter(prefix="/media")
Tenant = Annotated[str, Depends(tenant_of)]


class Meta(BaseModel):
    width: int
    height: int


class Done(BaseModel):
    ok: bool


def fetch_meta(tenant: str, media_id: str) -> dict:
    answer = requests.get(  # fires: timeouts.missing
        f"{settings.meta_url}/{tenant}/{media_id}",
        headers={"X-Tenant-ID": tenant},
    )
    answer.raise_for_status()
    return answer.json()


@router.get("/{media_id}/meta")
@limiter.limit("60/minute")
# fires below: errors.unmapped, breaker.missing, caching.missing, metrics.missing
async def meta(request: Request, media_id: str, tenant: Tenant) -> Meta:
    logger.info("meta of %s", media_id)
    return Meta(**fetch_meta(tenant, media_id))  # fires: async.blocking


@router.post("/{media_id}/thumbnail")
@limiter.limit("10/minute")
async def thumbnail(request: Request, media_id: int, tenant: Tenant) -> Done:
    source = Path(settings.media_root) / tenant / str(media_id)
    subprocess.run(["convert", str(source), "-resize", "200x200", f"{source}.thumb"], check=True, timeout=20)  # fires: async.blocking
    with open(f"{source}.thumb", "rb") as thumb:  # fires: async.blocking
        data = thumb.read()
    s3 = boto3.client("s3")  # fires: injection.client_per_request, async.blocking
    s3.put_object(Bucket=settings.bucket, Key=f"{tenant}/{media_id}", Body=data)  # fires: async.blocking
    return Done(ok=True)
