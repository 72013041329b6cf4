# expect: nothing
# present: rate_limiting, multi_tenancy, input_models, error_handling
"""A webhook needs the raw body for its signature, and only then validates it with a model: no unchecked body."""

import hashlib
import hmac
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from fastapi_limiter.depends import RateLimiter
from prometheus_client import Counter
from pydantic import BaseModel, ValidationError

from payments.deps import Events, WebhookSecrets, get_events, get_secrets
from payments.tenants import tenant_by_hook

logger = logging.getLogger(__name__)
RECEIVED = Counter("webhooks_total", "Webhooks.", ["type"])
router = APIRouter(prefix="/hooks", dependencies=[Depends(RateLimiter(times=100, seconds=10))])
MAX_BODY = 256 * 1024


class Event(BaseModel):
    id: str
    type: str
    amount_cents: int


async def signed_body(
    request: Request,
    tenant: Annotated[str, Depends(tenant_by_hook)],
    secrets: Annotated[WebhookSecrets, Depends(get_secrets)],
    x_signature: Annotated[str, Header()],
) -> bytes:
    if int(request.headers.get("content-length", MAX_BODY + 1)) > MAX_BODY:
        raise HTTPException(413, "too large")
    body = await request.body()
    expected = hmac.new(await secrets.of(tenant), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, x_signature):
        logger.warning("a webhook of %s has a wrong signature", tenant)
        raise HTTPException(401, "wrong signature")
    return body


@router.post("/{hook_id}", status_code=204)
async def receive(
    body: Annotated[bytes, Depends(signed_body)],
    tenant: Annotated[str, Depends(tenant_by_hook)],
    events: Annotated[Events, Depends(get_events)],
) -> None:
    try:
        event = Event.model_validate_json(body)
    except ValidationError:
        raise HTTPException(422, "not an event") from None
    if await events.store_once(tenant, event.id, event):
        RECEIVED.labels(event.type).inc()
