# expect: nothing
"""Liveness and readiness: no tenant, no limit, no cache; a failing dependency is what is being asked about."""

import asyncio

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel
from redis.exceptions import RedisError

router = APIRouter(tags=["ops"], include_in_schema=False)


class Ready(BaseModel):
    redis: bool


@router.get("/livez", status_code=204)
async def livez() -> None:
    return None


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> Ready:
    try:
        async with asyncio.timeout(0.5):
            up = bool(await request.app.state.redis.ping())
    except (RedisError, TimeoutError):
        up = False
    if not up:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Ready(redis=up)
