"""Who asks, and how often they may."""
from typing import Annotated

from fastapi import Depends, Header, HTTPException, Request


async def tenant(x_tenant_id: Annotated[str, Header(pattern="^[a-z0-9-]{1,40}$")]) -> str:
    return x_tenant_id


Tenant = Annotated[str, Depends(tenant)]


async def count_request(request: Request, who: Tenant) -> None:
    redis = request.app.state.redis
    operation = request.scope["endpoint"].__name__
    key = f"rate_limit:{who}:{operation}"
    if await redis.set(key, 1, ex=60, nx=True):
        return
    if await redis.incr(key) > 60:
        raise HTTPException(429, headers={"Retry-After": "60"})
