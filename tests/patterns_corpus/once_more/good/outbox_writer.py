# expect: nothing
# present: rate_limiting, multi_tenancy, error_handling, input_models, metrics, logging
"""Takes events in batches and hands them to Kafka: nothing to read, so nothing to cache and nothing to invalidate."""

from typing import Annotated, Literal

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from fastapi import APIRouter, Body, Depends, HTTPException, Request, Security, status
from fastapi.responses import ORJSONResponse
from opentelemetry import metrics
from pydantic import AwareDatetime, BaseModel, Field

from ingest.auth import ApiKey, api_key
from ingest.quota import QuotaExceeded, quota_for

log = structlog.get_logger()
taken = metrics.get_meter(__name__).create_counter("events_taken")
router = APIRouter(prefix="/events", default_response_class=ORJSONResponse)


class Event(BaseModel, extra="forbid"):
    kind: Literal["view", "click", "purchase"]
    at: AwareDatetime
    value_cents: int = Field(0, ge=0)


class Taken(BaseModel):
    accepted: int


def producer(request: Request) -> AIOKafkaProducer:
    return request.app.state.producer


async def within_quota(key: Annotated[ApiKey, Security(api_key, scopes=["events:write"])]) -> ApiKey:
    try:
        await quota_for(key.workspace_id).take(1)
    except QuotaExceeded as exceeded:
        headers = {"Retry-After": str(exceeded.retry_after)}
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, "over quota", headers) from exceeded
    return key


@router.post("", status_code=status.HTTP_202_ACCEPTED)
async def take(
    key: Annotated[ApiKey, Depends(within_quota)],
    kafka: Annotated[AIOKafkaProducer, Depends(producer)],
    events: Annotated[list[Event], Body(min_length=1, max_length=500)],
) -> Taken:
    try:
        for event in events:
            await kafka.send(f"events.{key.workspace_id}", event.model_dump_json().encode())
        await kafka.flush()
    except KafkaTimeoutError as error:
        raise HTTPException(504, "the log is late") from error
    except KafkaError as error:
        log.warning("events_not_taken", workspace=key.workspace_id, error=type(error).__name__)
        raise HTTPException(503, "the log is unavailable", {"Retry-After": "5"}) from error
    taken.add(len(events), {"workspace": key.workspace_id})
    return Taken(accepted=len(events))
