# expect: limits.missing, tenancy.missing, caching.no_invalidation, errors.text_told, logging.print, async.blocking, models.input
# present: metrics
# absent: rate_limiting, multi_tenancy, caching, input_models
"""v2 is guarded, v1 was left as it was: no tenant, no limit, prints, a dict, and the file is written in the coroutine."""

import json
import logging
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException
from fastapi_cache.decorator import cache
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel, Field

from surveys.deps import Surveys, get_surveys, get_tenant

logger = logging.getLogger(__name__)
ANSWERS = Counter("survey_answers_total", "Answers.")
Store = Annotated[Surveys, Depends(get_surveys)]
Tenant = Annotated[str, Depends(get_tenant)]
v1 = APIRouter(prefix="/v1/surveys", deprecated=True)
v2 = APIRouter(prefix="/v2/surveys", dependencies=[Depends(RateLimiter(times=30, seconds=60))])


class Answer(BaseModel):
    score: int = Field(ge=0, le=10)


class Summary(BaseModel):
    average: float


def tenant_key(func, namespace="", *, request=None, response=None, args=(), kwargs=None):
    return f"{namespace}:{kwargs['tenant']}:{kwargs['survey_id']}"


@v1.post("/{survey_id}/answers", response_model=Summary)
# fires below: limits.missing, tenancy.missing, caching.no_invalidation, models.input
async def answer_v1(survey_id: int, store: Store, answer: dict[str, Any] = Body()):
    print("v1 is still used")  # fires: logging.print
    try:
        Path("/var/spool/surveys.jsonl").open("a").write(json.dumps(answer))  # fires: async.blocking
        return await store.add(None, survey_id, answer)
    except Exception as error:
        raise HTTPException(status_code=400, detail={"error": str(error)})  # fires: errors.text_told


@v2.get("/{survey_id}", response_model=Summary)
@cache(expire=60, key_builder=tenant_key)
async def summary(survey_id: int, tenant: Tenant, store: Store):
    return await store.summary(tenant, survey_id)


@v2.post("/{survey_id}/answers", status_code=204)
async def answer_v2(survey_id: int, answer: Answer, tenant: Tenant, store: Store) -> None:
    await store.add(tenant, survey_id, answer)
    ANSWERS.inc()
    logger.info("answer to %s", survey_id)


router = APIRouter()
router.include_router(v1)
router.include_router(v2)
