"""What the engine's routers ask for: the tenant's data and the part of a list that is wanted."""

from typing import Annotated

from fastapi import Depends, Header, HTTPException, Query, Request

from ai_engine.store import Store, TenantData


async def get_tenant_data(
    request: Request, x_tenant_id: Annotated[str | None, Header()] = None
) -> TenantData:
    """Return the data of the tenant in X-Tenant-ID; 400 without one. The gateway has judged its spelling."""
    if not x_tenant_id or len(x_tenant_id) > 64 or not x_tenant_id.isprintable():
        raise HTTPException(400, "the header X-Tenant-ID is required: 1 to 64 printable characters")
    store: Store = request.app.state.store
    return store.of(x_tenant_id)


Tenant = Annotated[TenantData, Depends(get_tenant_data)]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=100_000)]
