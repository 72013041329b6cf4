"""/api/{resource}: any collection a gateway's router may need, per tenant, empty until something is created.

A resource exists by being named; names that are not lower-case words, and those of the engine's own endpoints, do not.
It may be below an item of another one, as /api/orders/1/lines: there is one as long as the item is there.
"""

import json
import re
from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException, Response
from starlette.convertors import StringConvertor, register_url_convertor

from ai_engine.answers import Page, StoredItem
from ai_engine.contract import Item
from ai_engine.dependencies import Limit, Offset, Tenant, WantedItems

MAX_ITEM_BYTES = 16_384
_NAME = "[a-z][a-z0-9_-]{0,63}"
_MOST_PARENTS = 3
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""How JSON spells it, an even number of backslashes before. Postgres takes none."""
_TAKEN = frozenset({"chat", "conversations", "messages", "profile"})


class ResourceConvertor(StringConvertor):
    """What of a path names a collection: `orders`, or `orders/1/lines`."""

    regex = rf"{_NAME}(?:/[^/]{{1,64}}/{_NAME}){{0,{_MOST_PARENTS}}}"


register_url_convertor("resource", ResourceConvertor())
router = APIRouter(prefix="/api/{resource:resource}", tags=["resources"])


async def get_resource(resource: str, tenant: Tenant) -> str:
    """Return the path of a collection below /api; 404 for what is none, and below an item that is not there."""
    names = resource.split("/")
    if names[0] in _TAKEN:
        raise HTTPException(404, "Not Found")
    for at in range(1, len(names), 2):
        if await tenant.item("/".join(names[:at]), names[at]) is None:
            raise HTTPException(404, f"no such item of {names[at - 1]}")
    return resource


async def get_fields(body: Annotated[Item, Body()]) -> Item:
    """Return the object that was sent; 413 for one too large to keep, 422 for one that is not JSON in UTF-8."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except ValueError:
        raise HTTPException(422, "an item holds no NaN, no infinity and no lone surrogate") from None
    if size > MAX_ITEM_BYTES:
        raise HTTPException(413, f"an item is at most {MAX_ITEM_BYTES} bytes")
    if _NUL.search(text):
        raise HTTPException(422, "an item holds no NUL character")
    return body


Resource = Annotated[str, Depends(get_resource)]
Fields = Annotated[Item, Depends(get_fields)]


def _found(item: Item | None) -> Item:
    if item is None:
        raise HTTPException(404, "no such item")
    return item


@router.get("", response_model=Page[StoredItem])
@router.get("/", include_in_schema=False, response_model=Page[StoredItem])
async def list_items(
    resource: Resource, tenant: Tenant, wanted: WantedItems, limit: Limit = 50, offset: Offset = 0
) -> Item:
    """Return items in the order they were made, or those with certain fields, sorted by one."""
    return await tenant.list_items(resource, limit, offset, wanted)


@router.post("", status_code=201, response_model=StoredItem)
@router.post("/", status_code=201, include_in_schema=False, response_model=StoredItem)
async def create_item(resource: Resource, tenant: Tenant, fields: Fields) -> Item:
    """Keep a new item."""
    return await tenant.add_item(resource, fields)


@router.get("/{item_id}", response_model=StoredItem)
async def get_item(item_id: str, resource: Resource, tenant: Tenant) -> Item:
    """Return one item."""
    return _found(await tenant.item(resource, item_id))


@router.put("/{item_id}", response_model=StoredItem)
async def replace_item(item_id: str, resource: Resource, tenant: Tenant, fields: Fields) -> Item:
    """Replace an item's fields."""
    return _found(await tenant.change_item(resource, item_id, fields, merge=False))


@router.patch("/{item_id}", response_model=StoredItem)
async def merge_item(item_id: str, resource: Resource, tenant: Tenant, fields: Fields) -> Item:
    """Change some of an item's fields."""
    return _found(await tenant.change_item(resource, item_id, fields, merge=True))


@router.delete("/{item_id}", status_code=204)
async def delete_item(item_id: str, resource: Resource, tenant: Tenant) -> Response:
    """Forget an item, with all that is below it."""
    if not await tenant.delete_item(resource, item_id):
        _found(None)
    return Response(status_code=204)
