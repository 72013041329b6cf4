# expect: nothing
# present: rate_limiting, caching, multi_tenancy, input_models, pagination, dependency_injection
"""A schema for each tenant: the session is the tenant's own; limits and caching are decorators of the same file."""

import functools
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, status
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hr.tables import Employee

logger = logging.getLogger(__name__)
HIRED = Counter("employees_hired_total", "People hired.")
router = APIRouter(prefix="/employees")


async def schema_of(x_tenant_id: Annotated[str, Header(pattern=r"^[a-z][a-z0-9_]{2,30}$")]) -> str:
    return f"tenant_{x_tenant_id}"


async def tenant_session(request: Request, schema: Annotated[str, Depends(schema_of)]) -> AsyncIterator[AsyncSession]:
    make: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with make() as session, session.begin():
        await session.execute(text("SELECT set_config('search_path', :schema, true)"), {"schema": schema})
        yield session


Session = Annotated[AsyncSession, Depends(tenant_session)]


def redis_of(request: Request) -> Redis:
    return request.app.state.redis


def limited(per_minute: int) -> Callable[..., Any]:
    async def check(request: Request, schema: Annotated[str, Depends(schema_of)]) -> None:
        redis = redis_of(request)
        key = f"limit:{schema}:{request.scope['route'].name}"
        async with redis.pipeline() as pipe:
            used, _ = await pipe.incr(key).expire(key, 60, nx=True).execute()
        if used > per_minute:
            raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, headers={"Retry-After": "60"})

    return check


def kept(seconds: int) -> Callable[..., Any]:
    def decorate(function: Callable[..., Awaitable[BaseModel]]) -> Callable[..., Awaitable[BaseModel]]:
        @functools.wraps(function)
        async def wrapper(*args: Any, request: Request, schema: str, **kwargs: Any) -> BaseModel:
            asked = hashlib.blake2b(str(request.query_params).encode(), digest_size=8).hexdigest()
            key = f"cache:{function.__name__}:{schema}:{asked}"
            redis = redis_of(request)
            if (found := await redis.get(key)) is not None:
                return People.model_validate_json(found)
            made = await function(*args, request=request, schema=schema, **kwargs)
            await redis.set(key, made.model_dump_json(), ex=seconds)
            return made

        return wrapper

    return decorate


class Person(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str


class NewPerson(BaseModel):
    name: str = Field(min_length=1, max_length=100)


class People(BaseModel):
    people: list[Person]


@router.get("", dependencies=[Depends(limited(120))])
@kept(30)
async def list_people(
    request: Request,
    schema: Annotated[str, Depends(schema_of)],
    session: Session,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 25,
) -> People:
    rows = await session.scalars(select(Employee).order_by(Employee.id).limit(per_page).offset((page - 1) * per_page))
    return People(people=[Person.model_validate(row) for row in rows])


@router.post("", status_code=201, dependencies=[Depends(limited(20))])
async def hire(
    request: Request, schema: Annotated[str, Depends(schema_of)], session: Session, person: NewPerson
) -> Person:
    row = Employee(name=person.name)
    session.add(row)
    await session.flush()
    redis = redis_of(request)
    async for key in redis.scan_iter(f"cache:list_people:{schema}:*"):
        await redis.unlink(key)
    HIRED.inc()
    logger.info("somebody was hired", extra={"schema": schema})
    return Person.model_validate(row)
