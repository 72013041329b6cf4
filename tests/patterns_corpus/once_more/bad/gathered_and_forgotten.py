# expect: caching.key_without_tenant, logs.secrets, errors.unmapped, breaker.missing, models.response, metrics.missing
# present: rate_limiting, multi_tenancy, logging
# absent: caching, metrics, response_models
"""One Redis hash for all tenants, an unguarded upstream, and a password in an f-string."""

import asyncio
import json
import logging
from typing import Annotated

import aiohttp
from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel
from redis.asyncio import Redis

from partner.limits import rate_limit

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/partners", dependencies=[Depends(rate_limit("partners"))])


class Credentials(BaseModel):
    username: str
    password: str


async def get_tenant_id(x_tenant_id: Annotated[str, Header(min_length=1, max_length=64)]) -> str:
    return x_tenant_id


def get_session(request: Request) -> aiohttp.ClientSession:
    return request.app.state.session


def get_redis(request: Request) -> Redis:
    return request.app.state.redis


@router.get("/{partner}/catalog")
# fires below: errors.unmapped, breaker.missing, models.response, metrics.missing
async def catalog(
    partner: str,
    tenant_id: Annotated[str, Depends(get_tenant_id)],
    session: Annotated[aiohttp.ClientSession, Depends(get_session)],
    redis: Annotated[Redis, Depends(get_redis)],
):
    kept = await redis.hget("cache:catalogs", partner)  # fires: caching.key_without_tenant
    if kept:
        return json.loads(kept)
    async with session.get(f"/{partner}/items", headers={"X-Tenant-ID": tenant_id}) as response:
        items = await response.json()
    await redis.hset("cache:catalogs", partner, json.dumps(items))  # fires: caching.key_without_tenant
    await redis.expire("cache:catalogs", 300)
    return items


@router.post("/{partner}/login")
async def login(
    partner: str,
    credentials: Credentials,
    tenant_id: Annotated[str, Depends(get_tenant_id)],
    session: Annotated[aiohttp.ClientSession, Depends(get_session)],
):
    logger.info(f"login of {credentials.username}/{credentials.password} at {partner} for {tenant_id}")  # fires: logs.secrets
    async with asyncio.timeout(3), session.post(f"/{partner}/login", json=credentials.model_dump()) as response:
        return await response.json()
