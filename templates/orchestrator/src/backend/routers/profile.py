"""/api/profile: how the tenant presents itself, kept by the AI Engine, cached here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from backend.answers import ProfileAnswer
from backend.dependencies_enterprise import Cache, Coherence, Engine, Tenant, rate_limited
from backend.utils.cache_coherence import InvalidationType

router = APIRouter(prefix="/api/profile", tags=["profile"])


class Profile(BaseModel):
    """The name that replies are signed with."""

    model_config = ConfigDict(extra="forbid")
    display_name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


@router.get("", response_model=ProfileAnswer, dependencies=[Depends(rate_limited("profile"))])
async def get_profile(tenant: Tenant, engine: Engine, cache: Cache, response: Response) -> dict[str, Any]:
    """Return the tenant's profile."""
    found = await cache.fetch(
        "profile",
        tenant,
        load=lambda: engine.request("GET", "/api/profile", tenant),
        model=ProfileAnswer,
    )
    return found.answer(response)


@router.put("", response_model=ProfileAnswer, dependencies=[Depends(rate_limited("profile"))])
async def update_profile(
    profile: Profile, tenant: Tenant, engine: Engine, coherence: Coherence
) -> dict[str, Any]:
    """Replace the tenant's profile."""
    async with coherence.invalidating(InvalidationType.PROFILE_UPDATED, tenant):
        return await engine.request("PUT", "/api/profile", tenant, json=profile.model_dump())
