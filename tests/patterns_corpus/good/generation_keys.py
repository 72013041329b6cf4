# expect: nothing
"""Nothing is deleted: each write raises a generation that is part of every key."""
import logging

from fastapi import APIRouter, Depends

from catalog.deps import Redis, limited, redis, repository, tenant_id
from catalog.metrics import metrics
from catalog.schemas import Item, ItemIn

log = logging.getLogger(__name__)
router = APIRouter(prefix="/items", dependencies=[Depends(limited("items"))])


async def generation(store: Redis, tenant: str) -> int:
    return int(await store.get(f"gen:{tenant}:items") or 0)


@router.get("/{item_id}")
async def read_item(item_id: str, tenant: str = Depends(tenant_id), store: Redis = Depends(redis), repo=Depends(repository)) -> Item:
    key = f"cache:item:{tenant}:{await generation(store, tenant)}:{item_id}"
    raw = await store.get(key)
    if raw:
        return Item.model_validate_json(raw)
    item = await repo.read(tenant, item_id)
    await store.set(key, item.model_dump_json(), ex=600)
    metrics.increment("items.loaded")
    return item


@router.put("/{item_id}")
async def write_item(item_id: str, item: ItemIn, tenant: str = Depends(tenant_id), store: Redis = Depends(redis), repo=Depends(repository)) -> Item:
    written = await repo.write(tenant, item_id, item)
    await store.incr(f"gen:{tenant}:items")
    log.info("item written", extra={"tenant": tenant})
    return written
