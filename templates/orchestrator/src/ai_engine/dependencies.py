"""What the engine's routers ask for: the tenant's data and the part of a list that is wanted."""

import re
from typing import Annotated

from fastapi import Depends, Header, HTTPException, Query, Request
from pydantic import AfterValidator

from ai_engine.contract import OWN_FIELDS, Store, TenantStore, Wanted, readings


async def get_tenant_store(
    request: Request, x_tenant_id: Annotated[str | None, Header()] = None
) -> TenantStore:
    """Return the data of the tenant in X-Tenant-ID; 400 without one. The gateway has judged its spelling."""
    if not x_tenant_id or len(x_tenant_id) > 64 or not x_tenant_id.isprintable():
        raise HTTPException(400, "the header X-Tenant-ID is required: 1 to 64 printable characters")
    store: Store = request.app.state.store
    return store.of(x_tenant_id)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds no NUL character")
    return text


_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
MOST_FILTERS = 20


async def get_wanted(request: Request, sort: Annotated[str, Query(max_length=65)] = "") -> Wanted:
    """Return which items are wanted: every parameter but those of the page is a field, equal to its value."""
    given = {
        key: value for key, value in request.query_params.items() if key not in ("limit", "offset", "sort")
    }
    names = [*given, *filter(None, [sort.removeprefix("-")])]
    if len(given) > MOST_FILTERS or any(name in OWN_FIELDS or not _FIELD.fullmatch(name) for name in names):
        raise HTTPException(
            422, f"a list is filtered and sorted by up to {MOST_FILTERS} of its items' own fields"
        )
    if any(len(value) > 2000 or "\0" in value for value in given.values()):
        raise HTTPException(422, "a filter is up to 2000 characters, none of them NUL")
    return Wanted({key: readings(value) for key, value in given.items()}, sort)


Tenant = Annotated[TenantStore, Depends(get_tenant_store)]
WantedItems = Annotated[Wanted, Depends(get_wanted)]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=100_000)]
Storable = AfterValidator(_storable)
"""For texts that are kept: Postgres takes no NUL."""
