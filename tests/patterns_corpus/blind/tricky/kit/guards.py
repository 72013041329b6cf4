"""A tenant, a limit, a limit that is none, and a store."""

from fastapi import Depends, Header, HTTPException, Request


def who(x_tenant_id: str = Header(max_length=64)) -> str:
    return x_tenant_id


async def keep_count(request: Request, me: str = Depends(who)) -> None:
    redis = request.app.state.redis
    name = f"count:{me}:{request.url.path}"
    await redis.set(name, 0, ex=60, nx=True)
    if await redis.incr(name) > 60:
        raise HTTPException(429, "enough", headers={"Retry-After": "60"})


async def no_limit(request: Request) -> None:
    request.state.limit = 60


async def open_sky(request: Request):
    return request.app.state.sky
