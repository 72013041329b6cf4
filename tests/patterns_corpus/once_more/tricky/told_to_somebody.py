# expect: errors.swallowed
# present: rate_limiting, multi_tenancy, metrics
# absent: error_handling
"""Told to Sentry, to a span, to a caller: not swallowed. A return in finally drops whatever was on its way."""

import logging
from typing import Annotated

import sentry_sdk
from fastapi import APIRouter, Depends, HTTPException
from opentelemetry import trace
from prometheus_client import Counter
from pydantic import BaseModel

from avatars.deps import Avatars, get_avatars, get_tenant, ratelimited
from avatars.image import Decoded, decode

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)
SHOWN = Counter("avatars_shown_total", "Avatars.")
Tenant = Annotated[str, Depends(get_tenant)]
router = APIRouter(prefix="/avatars", dependencies=[Depends(ratelimited("avatars"))])


class Avatar(BaseModel):
    width: int
    height: int
    checked: bool


def measured(data: bytes) -> Decoded | None:
    try:
        return decode(data)
    except Exception as exc:
        sentry_sdk.capture_exception(exc)
        return None


def checked(data: bytes) -> bool:
    with tracer.start_as_current_span("check") as span:
        try:
            return decode(data).is_safe
        except Exception as exc:
            span.record_exception(exc)
            return False


async def forget(avatars: Avatars, tenant: str, name: str) -> bool:
    try:
        await avatars.remove_scratch(tenant, name)
    finally:
        return True  # fires: errors.swallowed


@router.post("/{name}/check")
async def check(name: str, tenant: Tenant, avatars: Annotated[Avatars, Depends(get_avatars)]) -> Avatar:
    data = await avatars.bytes_of(tenant, name)
    if data is None:
        raise HTTPException(404, "no such avatar")
    found = measured(data)
    if found is None:
        raise HTTPException(422, "no picture")
    await forget(avatars, tenant, name)
    SHOWN.inc()
    logger.info("avatar of %s checked", tenant)
    return Avatar(width=found.width, height=found.height, checked=checked(data))
