# expect: nothing
# present: rate_limiting, error_handling, circuit_breaker
"""Blocking libraries where they may block: run_in_threadpool, to_thread, an executor, and sync def routes."""

import asyncio
import functools
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pybreaker
import requests
from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Summary
from pydantic import BaseModel

from legacy.deps import get_breaker, limit_per_tenant, settings, tenant_id

log = logging.getLogger(__name__)
SOAP = Summary("soap_seconds", "Time of the old system.")
Tenant = Annotated[str, Depends(tenant_id)]
Breaker = Annotated[pybreaker.CircuitBreaker, Depends(get_breaker)]
pool = ThreadPoolExecutor(max_workers=8)
router = APIRouter(prefix="/legacy", dependencies=[Depends(limit_per_tenant("legacy"))])


class Job(BaseModel):
    action: str
    amount: int


class Result(BaseModel):
    code: int


@SOAP.time()
def call_soap(tenant: str, job: Job) -> int:
    answer = requests.post(
        settings.soap_url, data=job.model_dump_json(), headers={"X-Tenant-ID": tenant}, timeout=(1, 5)
    )
    answer.raise_for_status()
    return answer.status_code


def settle(tenant: str) -> None:
    time.sleep(0.2)
    log.info("settled %s", tenant)


@router.post("/jobs", response_model=Result)
async def run_job(job: Job, tenant: Tenant, breaker: Breaker, tasks: BackgroundTasks) -> Result:
    try:
        code = await run_in_threadpool(breaker.call, call_soap, tenant, job)
    except pybreaker.CircuitBreakerError:
        raise HTTPException(503, "the old system rests", headers={"Retry-After": "30"}) from None
    except requests.Timeout:
        raise HTTPException(504, "the old system is slow") from None
    except requests.RequestException:
        raise HTTPException(502, "the old system failed") from None
    tasks.add_task(settle, tenant)
    return Result(code=code)


@router.post("/jobs/dry", response_model=Result)
async def dry_run(job: Job, tenant: Tenant) -> Result:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(pool, functools.partial(time.sleep, 0.05))
    await asyncio.to_thread(lambda: time.sleep(0.05))
    return Result(code=len(tenant) + job.amount)


@router.post("/jobs/sync", response_model=Result)
def sync_job(job: Job, tenant: Tenant) -> Result:
    time.sleep(0.05)
    log.info("sync job of %s", tenant)
    return Result(code=job.amount)
