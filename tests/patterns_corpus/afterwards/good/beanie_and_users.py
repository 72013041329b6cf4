# expect: nothing
# present: rate_limiting, caching, multi_tenancy, input_models, pagination, metrics
"""fastapi-users and beanie: the logged-in user's company owns the documents; fastapi-cache2 by namespace; statsd."""

from typing import Annotated

import structlog
from beanie import Document, PydanticObjectId
from datadog import statsd
from fastapi import APIRouter, Depends, HTTPException, Query, status
from fastapi_cache import FastAPICache
from fastapi_cache.decorator import cache
from fastapi_limiter.depends import RateLimiter
from pydantic import BaseModel, Field

from app.users import User, current_active_user

log = structlog.get_logger(__name__)
CurrentUser = Annotated[User, Depends(current_active_user)]
router = APIRouter(prefix="/notes", tags=["notes"], dependencies=[Depends(RateLimiter(times=30, seconds=60))])


class Note(Document):
    company_id: PydanticObjectId
    title: str
    body: str

    class Settings:
        name = "notes"


class NoteIn(BaseModel):
    title: str = Field(..., max_length=200)
    body: str = Field("", max_length=20_000)


class NoteOut(NoteIn):
    id: PydanticObjectId


def company_key(func, namespace, request, response, args, kwargs) -> str:
    return f"{namespace}:{kwargs['user'].company_id}:{kwargs['page']}:{kwargs['page_size']}"


@router.get("", response_model=list[NoteOut])
@cache(expire=60, namespace="notes", key_builder=company_key)
async def list_notes(user: CurrentUser, page: int = Query(1, ge=1), page_size: int = Query(20, ge=1, le=100)):
    found = Note.find(Note.company_id == user.company_id).skip((page - 1) * page_size).limit(page_size)
    return await found.to_list()


@router.post("", response_model=NoteOut, status_code=status.HTTP_201_CREATED)
async def create_note(note: NoteIn, user: CurrentUser):
    created = await Note(company_id=user.company_id, **note.model_dump()).insert()
    await FastAPICache.clear(namespace=f"notes:{user.company_id}")
    statsd.increment("notes.created")
    log.info("note_created", company=str(user.company_id), note=str(created.id))
    return created


@router.delete("/{note_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_note(note_id: PydanticObjectId, user: CurrentUser) -> None:
    note = await Note.find_one(Note.id == note_id, Note.company_id == user.company_id)
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such note")
    await note.delete()
    await FastAPICache.clear(namespace=f"notes:{user.company_id}")
    statsd.increment("notes.deleted")
