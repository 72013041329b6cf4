# expect: nothing
"""The blocking calls run in threads."""
import asyncio
import logging
import subprocess
import time

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Counter

from shop.deps import rate_limited, tenant_id
from shop.models import Thumbnail, ThumbnailJob

log = logging.getLogger(__name__)
DONE = Counter("thumbnails_total", "Thumbnails made.")
router = APIRouter()


def convert(path: str) -> bytes:
    time.sleep(0.1)
    return subprocess.run(["convert", path, "-"], capture_output=True, check=True, timeout=10).stdout


@router.post("/thumbnails", dependencies=[Depends(rate_limited("thumbnail"))])
async def thumbnail(job: ThumbnailJob, tenant: str = Depends(tenant_id)) -> Thumbnail:
    small = await asyncio.to_thread(convert, job.path)
    large = await run_in_threadpool(lambda: convert(job.large_path))
    log.info("thumbnails for %s", tenant)
    DONE.inc()
    return Thumbnail(small=small, large=large)
