# expect: nothing
# present: rate_limiting, caching, multi_tenancy, input_models, pagination
"""A generic factory of CRUD routers: routes are closures over the models; cache and limits are passed in as objects."""

import logging
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from prometheus_client import Counter
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from platform_api.deps import get_redis, get_session, rate_limit, require_tenant

logger = logging.getLogger(__name__)
WRITES = Counter("crud_writes_total", "Writes by resource.", ["resource"])
Model, In, Out = TypeVar("Model"), TypeVar("In", bound=BaseModel), TypeVar("Out", bound=BaseModel)
Session = Annotated[AsyncSession, Depends(get_session)]
TenantId = Annotated[str, Depends(require_tenant)]
Cache = Annotated[Redis, Depends(get_redis)]


class PageOf(BaseModel, Generic[Out]):
    items: list[Out]


def crud_router(
    name: str, model: type[Any], create_schema: type[In], read_schema: type[Out], ttl: int = 60
) -> APIRouter:
    """Build the five routes of one resource."""
    router = APIRouter(prefix=f"/{name}", tags=[name], dependencies=[Depends(rate_limit(name, per_minute=100))])
    page_schema = PageOf[read_schema]

    def key(tenant: str, *rest: object) -> str:
        return ":".join(("cache", name, tenant, *(str(part) for part in rest)))

    async def forget(cache: Redis, tenant: str) -> None:
        keys = [found async for found in cache.scan_iter(match=key(tenant, "*"))]
        if keys:
            await cache.delete(*keys)
        await cache.publish(f"cache_coherence:{tenant}", name)

    async def find(session: AsyncSession, tenant: str, item_id: int) -> Any:
        found = await session.scalar(select(model).where(model.id == item_id, model.tenant_id == tenant))
        if found is None:
            raise HTTPException(404, f"no such {name}")
        return found

    @router.get("", response_model=page_schema)
    async def list_items(
        session: Session, tenant: TenantId, cache: Cache,
        limit: Annotated[int, Query(ge=1, le=200)] = 50, offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Any:
        cached = await cache.get(key(tenant, limit, offset))
        if cached is not None:
            return Response(cached, media_type="application/json")
        query = select(model).where(model.tenant_id == tenant).order_by(model.id).limit(limit).offset(offset)
        try:
            rows = (await session.scalars(query)).all()
        except OperationalError as error:
            logger.warning("list %s: %s", name, type(error).__name__)
            raise HTTPException(503, "the database is unavailable") from error
        page = page_schema(items=[read_schema.model_validate(row, from_attributes=True) for row in rows])
        await cache.set(key(tenant, limit, offset), page.model_dump_json(), ex=ttl)
        return page

    @router.post("", response_model=read_schema, status_code=201)
    async def create_item(body: create_schema, session: Session, tenant: TenantId, cache: Cache) -> Any:
        row = model(**body.model_dump(), tenant_id=tenant)
        session.add(row)
        try:
            await session.commit()
        except IntegrityError as error:
            await session.rollback()
            raise HTTPException(409, f"there is such a {name}") from error
        await forget(cache, tenant)
        WRITES.labels(name).inc()
        return row

    @router.delete("/{item_id}", status_code=204)
    async def delete_item(item_id: int, session: Session, tenant: TenantId, cache: Cache) -> None:
        await session.delete(await find(session, tenant, item_id))
        await session.commit()
        await forget(cache, tenant)
        WRITES.labels(name).inc()

    return router
