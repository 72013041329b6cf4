# expect: nothing
"""What is raised on purpose keeps its status, and responses= names all of it; slow work is awaited or in a thread."""

import asyncio
import logging
import subprocess
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter

from press.deps import jobs, rate_limited, tenant_id
from press.models import Job, Problem

log = logging.getLogger(__name__)
PRINTED = Counter("jobs_printed_total", "Jobs printed.")
Tenant = Annotated[str, Depends(tenant_id)]
router = APIRouter(prefix="/jobs", dependencies=[Depends(rate_limited("jobs"))], responses={403: {"model": Problem}})


def render(path: str) -> int:
    return subprocess.run(["/usr/bin/render", path], check=False, timeout=30).returncode


@router.get("/{job_id}", responses={404: {"model": Problem}, 409: {"model": Problem}})
async def printed(job_id: str, tenant: Tenant, store: Annotated[object, Depends(jobs)]) -> Job:
    PRINTED.inc()
    log.info("job of %s", tenant)
    try:
        job = await store.one(tenant, job_id)
        if job is None:
            raise HTTPException(404, "there is no such job")
        if job.secret:
            raise HTTPException(403, "it is somebody else's")
        if await asyncio.to_thread(render, job.path):
            raise HTTPException(409, "it cannot be printed now")
        return job
    except HTTPException:
        raise
    except Exception:
        log.exception("a job could not be printed")
        raise HTTPException(500, "it could not be printed") from None
