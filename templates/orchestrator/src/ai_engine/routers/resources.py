"""/api/{resource}: any collection a gateway's router may need, per tenant, empty until something is created.

A resource exists by being named; names that are not lower-case words, and those of the engine's own endpoints, do not.
"""

import json
import re
from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException, Response

from ai_engine.dependencies import Limit, Offset, Tenant
from ai_engine.store import Collection, Item, page_of

MAX_ITEM_BYTES = 16_384
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_TAKEN = frozenset({"chat", "conversations", "messages", "profile"})

router = APIRouter(prefix="/api/{resource}", tags=["resources"])


async def get_collection(resource: str, tenant: Tenant) -> Collection:
    """Return the collection the path names, made at the first question; 404 for what is no resource name."""
    if resource in _TAKEN or not _NAME.fullmatch(resource):
        raise HTTPException(404, "Not Found")
    if resource not in tenant.resources:
        tenant.resources[resource] = Collection()
    return tenant.resources[resource]


async def get_fields(body: Annotated[Item, Body()]) -> Item:
    """Return the object that was sent; 413 for one too large to keep, 422 for one that is not JSON in UTF-8."""
    try:
        size = len(json.dumps(body, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        raise HTTPException(422, "an item holds no NaN, no infinity and no lone surrogate") from None
    if size > MAX_ITEM_BYTES:
        raise HTTPException(413, f"an item is at most {MAX_ITEM_BYTES} bytes")
    return body


Named = Annotated[Collection, Depends(get_collection)]
Fields = Annotated[Item, Depends(get_fields)]


def _missing() -> HTTPException:
    return HTTPException(404, "no such item")


@router.get("")
@router.get("/", include_in_schema=False)
async def list_items(items: Named, limit: Limit = 50, offset: Offset = 0) -> Item:
    """Return items in the order they were made."""
    return page_of(list(items.values()), limit, offset)


@router.post("", status_code=201)
@router.post("/", status_code=201, include_in_schema=False)
async def create_item(items: Named, fields: Fields) -> Item:
    """Keep a new item."""
    return items.add(fields)


@router.get("/{item_id}")
async def get_item(item_id: str, items: Named) -> Item:
    """Return one item."""
    if item_id not in items:
        raise _missing()
    return items[item_id]


@router.put("/{item_id}")
async def replace_item(item_id: str, items: Named, fields: Fields) -> Item:
    """Replace an item's fields."""
    if item_id not in items:
        raise _missing()
    return items.change(item_id, fields, merge=False)


@router.patch("/{item_id}")
async def merge_item(item_id: str, items: Named, fields: Fields) -> Item:
    """Change some of an item's fields."""
    if item_id not in items:
        raise _missing()
    return items.change(item_id, fields, merge=True)


@router.delete("/{item_id}", status_code=204)
async def delete_item(item_id: str, items: Named) -> Response:
    """Forget an item."""
    if items.pop(item_id, None) is None:
        raise _missing()
    return Response(status_code=204)
