# expect: limits.missing, tenancy.missing, logging.missing, metrics.missing, models.input, models.response, lists.unbounded
from fastapi import APIRouter

router = APIRouter()
ITEMS = {}


@router.get("/items")
async def list_items():
    return list(ITEMS.values())


@router.post("/items")
async def create_item(item: dict):
    ITEMS[item["id"]] = item
    return item
