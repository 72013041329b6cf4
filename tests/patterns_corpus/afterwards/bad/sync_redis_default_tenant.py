# expect: limits.missing, async.blocking, injection.global_client, tenancy.optional, limits.unheeded, caching.no_ttl, caching.no_invalidation, config.hardcoded_host, metrics.missing
# present: logging, input_models
# absent: rate_limiting, multi_tenancy, async_code, caching
"""The synchronous Redis in async code, made at import; a default tenant; a limiter whose tuple goes nowhere."""

import json
import logging
from typing import Annotated, Optional

import redis
from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel

from profiles.limiting import SlidingWindowLimiter, get_limiter
from profiles.repository import ProfileRepository, get_repository

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/profiles")
r = redis.Redis(host="redis.internal.example", port=6379, decode_responses=True)  # fires: injection.global_client, config.hardcoded_host
Repo = Annotated[ProfileRepository, Depends(get_repository)]
Limiter = Annotated[SlidingWindowLimiter, Depends(get_limiter)]


class Profile(BaseModel):
    name: str
    bio: str = ""


@router.get("/{user_id}", response_model=Profile)
# fires below: metrics.missing
async def get_profile(
    user_id: str,
    repo: Repo,
    limiter: Limiter,
    x_tenant_id: Optional[str] = Header(default="main"),  # fires: tenancy.optional
):
    _allowed, _remaining = await limiter.check(x_tenant_id, "profiles")  # fires: limits.unheeded
    key = f"profile:{x_tenant_id}:{user_id}"
    if cached := r.get(key):  # fires: async.blocking
        return json.loads(cached)
    profile = await repo.get(x_tenant_id, user_id)
    r.set("cache:" + key, profile.model_dump_json())  # fires: async.blocking, caching.no_ttl
    return profile


@router.put("/{user_id}", response_model=Profile)
# fires below: caching.no_invalidation, limits.missing
async def put_profile(user_id: str, profile: Profile, repo: Repo, limiter: Limiter, x_tenant_id: str = Header()):
    logger.info("profile of %s changed", user_id)
    return await repo.put(x_tenant_id, user_id, profile)
