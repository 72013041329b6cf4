# expect: nothing
# present: rate_limiting, caching, multi_tenancy, error_handling, dependency_injection
"""fastapi-utils cbv over a base class that holds the shared dependencies; asyncpg behind a repository."""

import asyncpg
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi_utils.cbv import cbv
from loguru import logger
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, constr
from redis.asyncio import Redis

from crm.auth import CurrentWorkspace, current_workspace
from crm.throttling import Throttle

router = APIRouter(prefix="/contacts")
CHANGED = Counter("contacts_changed_total", "Contacts changed.")


class ContactIn(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: constr(min_length=1, max_length=200)
    email: constr(max_length=200)


class Contact(ContactIn):
    id: int


def get_pool(request: Request) -> asyncpg.Pool:
    return request.app.state.pool


def get_redis(request: Request) -> Redis:
    return request.app.state.redis


class ContactRepository:
    def __init__(self, pool: asyncpg.Pool = Depends(get_pool)) -> None:
        self.pool = pool

    async def page(self, workspace_id: int, after: int, limit: int) -> list[Contact]:
        rows = await self.pool.fetch(
            "SELECT id, name, email FROM contacts WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            workspace_id, after, limit, timeout=2,
        )
        return [Contact(**row) for row in rows]

    async def insert(self, workspace_id: int, contact: ContactIn) -> Contact:
        row = await self.pool.fetchrow(
            "INSERT INTO contacts (workspace_id, name, email) VALUES ($1, $2, $3) RETURNING id, name, email",
            workspace_id, contact.name, contact.email, timeout=2,
        )
        return Contact(**row)


class Page(BaseModel):
    items: list[Contact]


class WorkspaceView:
    workspace: CurrentWorkspace = Depends(current_workspace)
    redis: Redis = Depends(get_redis)

    def cache_key(self, *parts: object) -> str:
        return ":".join(["cache", "contacts", str(self.workspace.id), *map(str, parts)])

    async def forget(self) -> None:
        async for key in self.redis.scan_iter(match=self.cache_key("*"), count=500):
            await self.redis.unlink(key)


@cbv(router)
class Contacts(WorkspaceView):
    repo: ContactRepository = Depends()

    @router.get("", dependencies=[Depends(Throttle("contacts.list", per_minute=120))])
    async def index(self, after: int = 0, limit: int = Query(50, gt=0, le=200)) -> Page:
        key = self.cache_key(after, limit)
        if raw := await self.redis.get(key):
            return Page.model_validate_json(raw)
        try:
            page = Page(items=await self.repo.page(self.workspace.id, after, limit))
        except (asyncpg.PostgresError, OSError) as exc:
            logger.opt(exception=exc).warning("contacts of {} could not be read", self.workspace.id)
            raise HTTPException(503, "the database is unavailable") from exc
        await self.redis.set(key, page.model_dump_json(), ex=60)
        return page

    @router.post("", status_code=201, dependencies=[Depends(Throttle("contacts.create", per_minute=30))])
    async def create(self, contact: ContactIn) -> Contact:
        try:
            created = await self.repo.insert(self.workspace.id, contact)
        except asyncpg.UniqueViolationError as exc:
            raise HTTPException(409, "there is such a contact") from exc
        except (asyncpg.PostgresError, OSError) as exc:
            raise HTTPException(503, "the database is unavailable") from exc
        await self.forget()
        CHANGED.inc()
        logger.info("contact {} of {} created", created.id, self.workspace.id)
        return created
