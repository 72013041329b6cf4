# expect: async.blocking, timeouts.missing
# because: sleep, requests, urllib, subprocess and a file in async code, one behind a helper; no limit of time on three
import logging
import subprocess
import time
import urllib.request
from pathlib import Path
from time import sleep as pause

import httpx
import requests
from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel

from radio.wiring import breaker, engine_url, rate_limited, tenant_id

logger = logging.getLogger(__name__)
HEARD = Counter("songs_heard_total", "Songs.")
router = APIRouter(prefix="/songs", dependencies=[Depends(rate_limited("songs"))])


class Song(BaseModel):
    id: str


class NewSong(BaseModel):
    title: str


def tune_in(url: str) -> bytes:
    return urllib.request.urlopen(url).read()  # fires: timeouts.missing


@router.post("/{song_id}/play")
async def play(song_id: str, new: NewSong, tenant: str = Depends(tenant_id)) -> Song:
    HEARD.inc()
    logger.info("play %s for %s", song_id, tenant)
    try:
        with breaker.attempt():
            time.sleep(0.5)  # fires: async.blocking
            pause(1)  # fires: async.blocking
            requests.post(engine_url(), headers={"X-Tenant-ID": tenant}, json={"t": new.title})  # fires: async.blocking, timeouts.missing
            httpx.post(engine_url(), headers={"X-Tenant-ID": tenant}, timeout=None)  # fires: async.blocking, timeouts.missing
            tune_in(engine_url())  # fires: async.blocking
            subprocess.run(["/usr/bin/play", song_id], timeout=5, check=True)  # fires: async.blocking
    except (requests.RequestException, httpx.HTTPError):
        logger.warning("the engine failed")
        raise HTTPException(502, "the engine failed") from None
    return Song(id=Path("/tmp/now").read_text())  # fires: async.blocking


@router.post("/{song_id}/stop")
def stop(song_id: str, new: NewSong, tenant: str = Depends(tenant_id)) -> Song:
    time.sleep(0.1)
    logger.info("stop %s for %s", song_id, tenant)
    return Song(id=song_id)
