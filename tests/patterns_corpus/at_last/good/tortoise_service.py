# expect: nothing
# present: rate_limiting, caching, multi_tenancy, input_models, pagination, metrics, logging
"""Tortoise ORM behind a service; the result of a use case is matched to an answer; signals drop the cache."""

from __future__ import annotations

import logging
from typing import Annotated

from aiocache import Cache, cached
from aiocache.serializers import PickleSerializer
from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi_pagination import Page, Params
from fastapi_pagination.ext.tortoise import paginate
from prometheus_client import Counter
from pydantic import BaseModel, Field
from tortoise.exceptions import DoesNotExist, IntegrityError

from courses.models import Course
from courses.security import SchoolId, require_school
from courses.throttle import SlidingWindow

logger = logging.getLogger(__name__)
CREATED = Counter("courses_created_total", "Courses created.")
School = Annotated[SchoolId, Depends(require_school)]
router = APIRouter(prefix="/organisations/{organisation_id}/courses", dependencies=[Depends(SlidingWindow(90, seconds=60))])


class CourseIn(BaseModel):
    title: str = Field(min_length=3, max_length=90)
    seats: int = Field(gt=0, le=500)


class CourseOut(CourseIn):
    id: int


def key_for(function, organisation_id, params, *args, **kwargs) -> str:
    return f"courses:{organisation_id}:{params.page}:{params.size}"


@cached(ttl=45, cache=Cache.MEMORY, key_builder=key_for, serializer=PickleSerializer())
async def page_of(organisation_id: str, params: Params) -> Page[CourseOut]:
    return await paginate(Course.filter(organisation_id=organisation_id), params)


async def forget(organisation_id: str) -> None:
    cache = Cache(Cache.MEMORY)
    await cache.clear(namespace=f"courses:{organisation_id}")


@router.get("", response_model=Page[CourseOut])
async def list_courses(organisation_id: School, params: Annotated[Params, Depends()]):
    return await page_of(organisation_id, params)


@router.post("", response_model=CourseOut, status_code=201)
async def create_course(organisation_id: School, course: CourseIn):
    try:
        made = await Course.create(organisation_id=organisation_id, **course.model_dump())
    except IntegrityError as error:
        raise HTTPException(409, "there is such a course") from error
    await forget(organisation_id)
    CREATED.inc()
    logger.info("course %s created", made.id)
    return made


@router.delete("/{course_id}", status_code=204)
async def delete_course(organisation_id: School, course_id: int) -> Response:
    try:
        course = await Course.get(id=course_id, organisation_id=organisation_id)
    except DoesNotExist:
        raise HTTPException(404, "no such course") from None
    await course.delete()
    await forget(organisation_id)
    return Response(status_code=204)
