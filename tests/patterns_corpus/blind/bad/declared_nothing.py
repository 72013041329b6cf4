# expect: tenancy.missing, tenancy.optional, limits.missing, limits.no_expiry, logging.missing, metrics.missing
# because: a dependency that answers None or "demo" is no tenant; a limit imported and not used
from fastapi import APIRouter, Depends, Header, HTTPException, Request
from pydantic import BaseModel
from redis.asyncio import Redis

from farm.wiring import Animals, animals, rate_limited, redis_of_app

router = APIRouter(prefix="/animals")


class Animal(BaseModel):
    name: str


async def get_tenant_id() -> str | None:
    return None


async def current_tenant() -> str:
    return "demo_dentist"


async def tenant_or_demo(x_tenant_id: str | None = Header(default=None)) -> str:  # fires: tenancy.optional
    return x_tenant_id or "demo"


async def counted(request: Request, redis: Redis = Depends(redis_of_app)) -> None:
    tenant = request.headers["X-Tenant-ID"]
    if await redis.incr(f"limit:{tenant}:animals") > 10:  # fires: limits.no_expiry
        raise HTTPException(429, "enough", headers={"Retry-After": "60"})


@router.get("/{name}")
async def animal(name: str, tenant=Depends(get_tenant_id), store: Animals = Depends(animals)) -> Animal:  # fires: tenancy.missing, limits.missing
    return await store.one(tenant, name)


@router.get("/{name}/stable", dependencies=[Depends(counted)])
async def stable(name: str, tenant: str = Depends(current_tenant), store: Animals = Depends(animals)) -> Animal:  # fires: tenancy.missing
    return await store.stable(tenant, name)


@router.get("/{name}/food", dependencies=[Depends(counted)])
async def food(name: str, tenant: str = Depends(tenant_or_demo), store: Animals = Depends(animals)) -> Animal:
    return await store.food(tenant, name)


@router.get("/{name}/vet")
async def vet(
    name: str, x_tenant_id: str = Header(), store: Animals = Depends(animals), limiter=Depends(rate_limited)
) -> Animal:
    await limiter.check(x_tenant_id, "vet")
    return await store.vet(x_tenant_id, name)
