# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, input_models, pagination
"""Full-stack-template style: SessionDep and CurrentUser; the tenant is the organisation in the token; aiocache."""

import logging
import uuid
from typing import Any

from aiocache import caches
from fastapi import APIRouter, HTTPException, Query, Request
from prometheus_client import Counter
from sqlmodel import SQLModel, func, select

from app.api.deps import CurrentUser, SessionDep
from app.core.limits import limiter
from app.models import Item, ItemCreate, ItemPublic, ItemUpdate

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/items", tags=["items"])
ITEMS_CHANGED = Counter("items_changed_total", "Items changed.", ["how"])
LIST_TTL = 60


class ItemsPublic(SQLModel):
    data: list[ItemPublic]
    count: int


def list_key(organization_id: uuid.UUID, skip: int = 0, limit: int = 0) -> str:
    return f"items:{organization_id}:{skip}:{limit}"


@router.get("/", response_model=ItemsPublic)
@limiter.limit("120/minute")
async def read_items(
    request: Request,
    session: SessionDep,
    current_user: CurrentUser,
    skip: int = Query(0, ge=0),
    limit: int = Query(100, ge=1, le=500),
) -> Any:
    """Retrieve items."""
    cache = caches.get("default")
    key = list_key(current_user.organization_id, skip, limit)
    if (hit := await cache.get(key)) is not None:
        return hit
    mine = Item.organization_id == current_user.organization_id
    count = (await session.exec(select(func.count()).select_from(Item).where(mine))).one()
    items = (await session.exec(select(Item).where(mine).offset(skip).limit(limit))).all()
    answer = ItemsPublic(data=[ItemPublic.model_validate(item) for item in items], count=count)
    await cache.set(key, answer, ttl=LIST_TTL)
    return answer


@router.post("/", response_model=ItemPublic, status_code=201)
@limiter.limit("30/minute")
async def create_item(request: Request, session: SessionDep, current_user: CurrentUser, item_in: ItemCreate) -> Any:
    item = Item.model_validate(item_in, update={"organization_id": current_user.organization_id})
    session.add(item)
    await session.commit()
    await session.refresh(item)
    await caches.get("default").clear(namespace=f"items:{current_user.organization_id}")
    ITEMS_CHANGED.labels("created").inc()
    logger.info("item %s created by %s", item.id, current_user.id)
    return item


@router.put("/{id}", response_model=ItemPublic)
@limiter.limit("30/minute")
async def update_item(
    request: Request, session: SessionDep, current_user: CurrentUser, id: uuid.UUID, item_in: ItemUpdate
) -> Any:
    item = await session.get(Item, id)
    if item is None or item.organization_id != current_user.organization_id:
        raise HTTPException(status_code=404, detail="Item not found")
    item.sqlmodel_update(item_in.model_dump(exclude_unset=True))
    session.add(item)
    await session.commit()
    await caches.get("default").clear(namespace=f"items:{current_user.organization_id}")
    ITEMS_CHANGED.labels("updated").inc()
    return item
