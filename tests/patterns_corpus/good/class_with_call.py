# expect: nothing
"""A limiter of one's own as a callable object, a cache of one's own, a breaker of one's own; all in one file."""
import json
import logging
import time
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Header, HTTPException, Request
from prometheus_client import Histogram
from pydantic import BaseModel

logger = logging.getLogger(__name__)
LATENCY = Histogram("weather_seconds", "Time of a weather look-up.")


class Weather(BaseModel):
    city: str
    degrees: float


async def workspace_id(x_workspace: Annotated[str, Header()]) -> str:
    if not x_workspace.isalnum():
        raise HTTPException(400, "bad workspace")
    return x_workspace


Workspace = Annotated[str, Depends(workspace_id)]


class Allowance:
    """So many requests a minute, counted in Redis."""

    def __init__(self, per_minute: int):
        self.per_minute = per_minute

    async def __call__(self, request: Request, workspace: Workspace) -> None:
        redis = request.app.state.redis
        slot = f"allow:{workspace}:{int(time.time() // 60)}"
        used = await redis.incr(slot)
        await redis.expire(slot, 120)
        if used > self.per_minute:
            raise HTTPException(status_code=429, headers={"Retry-After": "60"})


class Remembered:
    """JSON answers for five minutes."""

    def __init__(self, request: Request, workspace: Workspace):
        self._redis = request.app.state.redis
        self._prefix = f"wx:{workspace}:"

    async def get(self, name: str):
        found = await self._redis.get(self._prefix + name)
        return json.loads(found) if found else None

    async def put(self, name: str, value: dict) -> None:
        await self._redis.set(self._prefix + name, json.dumps(value), ex=300)


class Fuse:
    def __init__(self):
        self.failures, self.blown_at = 0, 0.0

    async def breaker(self, work):
        if self.failures >= 5 and time.monotonic() - self.blown_at < 10:
            raise HTTPException(503, "weather service is resting")
        try:
            answer = await work
        except httpx.HTTPError:
            self.failures += 1
            self.blown_at = time.monotonic()
            raise
        self.failures = 0
        return answer


fuse = Fuse()
router = APIRouter(dependencies=[Depends(Allowance(per_minute=30))])


@router.get("/weather/{city}")
async def weather(city: str, request: Request, workspace: Workspace, kept: Annotated[Remembered, Depends()]) -> Weather:
    known = await kept.get(city)
    if known:
        return Weather(**known)
    with LATENCY.time():
        try:
            answer = await fuse.breaker(request.app.state.http.get(f"/weather/{city}"))
            answer.raise_for_status()
        except httpx.TimeoutException:
            raise HTTPException(504) from None
        except httpx.HTTPError:
            logger.warning("no weather for %s", workspace)
            raise HTTPException(502) from None
    await kept.put(city, answer.json())
    return Weather(**answer.json())
