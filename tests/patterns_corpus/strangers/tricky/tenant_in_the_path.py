# expect: nothing
# present: multi_tenancy, rate_limiting, caching
"""The tenant is in the path and membership is checked; invalidation through an event in finally; async_lru is no cache here."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel, Field

from boards.auth import User, get_current_user
from boards.cache import TenantCache, tenant_cache
from boards.events import Bus, get_bus
from boards.repo import BoardRepo, board_repo

logger = logging.getLogger(__name__)
WRITES = Counter("boards_writes_total", "Writes.")


async def member_of(
    tenant_id: Annotated[str, Path(pattern="^[a-z0-9-]{1,40}$")], user: Annotated[User, Depends(get_current_user)]
) -> str:
    if tenant_id not in user.tenants:
        raise HTTPException(403, "not your tenant")
    return tenant_id


Member = Annotated[str, Depends(member_of)]
router = APIRouter(prefix="/tenants/{tenant_id}/boards", dependencies=[Depends(RateLimiter(times=50, seconds=10))])


class Board(BaseModel):
    name: str = Field(min_length=1, max_length=80)


class Boards(BaseModel):
    boards: list[Board]


@router.get("")
async def list_boards(
    tenant: Member,
    repo: Annotated[BoardRepo, Depends(board_repo)],
    cache: Annotated[TenantCache, Depends(tenant_cache)],
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Boards:
    return await cache.get_or_set(f"{tenant}:boards:{per_page}", lambda: repo.page(tenant, per_page), ttl=60)


@router.post("", status_code=201)
async def add_board(
    board: Board, tenant: Member, repo: Annotated[BoardRepo, Depends(board_repo)], bus: Annotated[Bus, Depends(get_bus)]
) -> Board:
    try:
        return await repo.add(tenant, board)
    finally:
        await bus.publish("cache_invalidation", {"tenant": tenant, "kind": "boards"})
        WRITES.inc()
        logger.info("board added for %s", tenant)
