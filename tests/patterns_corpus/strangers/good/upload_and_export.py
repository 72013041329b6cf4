# expect: nothing
# present: rate_limiting, multi_tenancy, error_handling, circuit_breaker
"""Upload with a size limit and a streamed export: neither is for a cache, and both go to the object store guarded."""

import csv
import io
import logging
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, File, HTTPException, UploadFile, status
from fastapi.responses import StreamingResponse
from prometheus_client import Counter
from pydantic import BaseModel

from files.deps import ObjectStore, Tenant, get_object_store, limiter
from files.deps import circuit_breaker as store_breaker
from files.repository import Repository, get_repository

log = logging.getLogger(__name__)
BYTES = Counter("upload_bytes_total", "Bytes taken.")
MAX_BYTES = 10 * 1024 * 1024
TYPES = frozenset({"image/png", "image/jpeg", "application/pdf"})

router = APIRouter(prefix="/files", dependencies=[Depends(limiter("files", times=20, seconds=60))])


class Stored(BaseModel):
    id: str
    size: int


async def read_bounded(upload: UploadFile) -> bytes:
    data = bytearray()
    while chunk := await upload.read(64 * 1024):
        data += chunk
        if len(data) > MAX_BYTES:
            raise HTTPException(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "at most 10 MB")
    return bytes(data)


@router.post("", status_code=201, response_model=Stored)
async def upload(
    tenant: Tenant,
    file: Annotated[UploadFile, File()],
    store: Annotated[ObjectStore, Depends(get_object_store)],
):
    if file.content_type not in TYPES:
        raise HTTPException(415, "png, jpeg or pdf")
    body = await read_bounded(file)
    try:
        async with store_breaker("objects"):
            stored_id = await store.put(bucket=f"tenant-{tenant}", body=body)
    except httpx.TimeoutException as error:
        raise HTTPException(504, "the store did not answer in time") from error
    except httpx.HTTPError as error:
        log.warning("store failed", extra={"tenant": tenant, "error": type(error).__name__})
        raise HTTPException(502, "the store failed") from error
    BYTES.inc(len(body))
    return Stored(id=stored_id, size=len(body))


@router.get("/export.csv", response_class=StreamingResponse)
async def export(tenant: Tenant, repository: Annotated[Repository, Depends(get_repository)]) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        async for row in repository.stream(tenant):
            buffer = io.StringIO()
            csv.writer(buffer).writerow([row.id, row.name, row.size])
            yield buffer.getvalue()

    return StreamingResponse(lines(), media_type="text/csv")
