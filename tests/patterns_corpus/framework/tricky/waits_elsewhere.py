# expect: nothing
# because: the slow call runs in a thread, in a generator, once, or only after a failure; what is raised again is kept
"""Blocking calls that nobody waits for, and an except that looks at what it caught."""

import logging
import subprocess
import time
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from weather.deps import rate_limited, tenant_id
from weather.models import Reading

log = logging.getLogger(__name__)
READ = Counter("readings_total", "Readings.")
Tenant = Annotated[str, Depends(tenant_id)]
router = APIRouter(prefix="/readings", dependencies=[Depends(rate_limited("readings"))])
_stations: list[str] = []


def stations() -> list[str]:
    if _stations:
        return _stations
    _stations.extend(subprocess.check_output(["/usr/bin/stations"], timeout=3).decode().split())
    return _stations


def lines():
    for station in stations():
        time.sleep(0.1)
        yield station


def measured(station: str) -> Reading:
    try:
        return Reading.of(station)
    except OSError:
        time.sleep(0.5)
        return Reading.of(station)


@router.get("/stream")
async def stream(tenant: Tenant) -> StreamingResponse:
    READ.inc()
    log.info("stream of %s", tenant)
    return StreamingResponse(lines())


@router.get("/{station}")
async def reading(request: Request, tenant: Tenant) -> Reading:
    READ.inc()
    log.info("reading of %s", tenant)
    station = request.path_params["station"]
    if station not in stations():
        raise HTTPException(404, "there is no such station")
    return await run_in_threadpool(measured, station)


@router.get("/{station}/last")
async def last(station: str, tenant: Tenant) -> Reading:
    READ.inc()
    log.info("last reading of %s", tenant)
    try:
        if station not in stations():
            raise HTTPException(404, "there is no such station")
        return measured(station)
    except Exception as error:
        if isinstance(error, HTTPException):
            raise
        log.exception("a reading could not be read")
        raise HTTPException(503, "the station does not answer") from None
