# expect: nothing
# present: rate_limiting, multi_tenancy, error_handling, circuit_breaker, response_models
"""The tenant is a claim of a verified JWT; limits library; errors mapped by a context manager; writes only."""

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import aiohttp
import jwt
from circuitbreaker import CircuitBreakerError, circuit
from fastapi import APIRouter, Depends, HTTPException, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.aio.strategies import MovingWindowRateLimiter
from opentelemetry import metrics
from pydantic import UUID4, BaseModel, Field

from notify.settings import Settings, get_settings

logger = logging.getLogger(__name__)
sent = metrics.get_meter(__name__).create_counter("notifications_sent")
bearer = HTTPBearer(auto_error=True)
PER_MINUTE = RateLimitItemPerMinute(30)


@dataclass(frozen=True)
class Caller:
    subject: str
    tenant: str


def caller(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    settings: Annotated[Settings, Depends(get_settings)],
) -> Caller:
    try:
        claims = jwt.decode(credentials.credentials, settings.jwt_key, algorithms=["RS256"], audience="notify")
        return Caller(claims["sub"], claims["tenant_id"])
    except (jwt.InvalidTokenError, KeyError) as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "invalid token") from error


async def limited(request: Request, who: Annotated[Caller, Depends(caller)]) -> Caller:
    limiter: MovingWindowRateLimiter = request.app.state.limiter
    if not await limiter.hit(PER_MINUTE, "notify", who.tenant):
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, headers={"Retry-After": "60"})
    return who


def session(request: Request) -> aiohttp.ClientSession:
    return request.app.state.aiohttp


@contextlib.asynccontextmanager
async def provider_errors(tenant: str) -> AsyncIterator[None]:
    try:
        yield
    except CircuitBreakerError:
        raise HTTPException(503, "the provider is not asked right now", headers={"Retry-After": "20"}) from None
    except TimeoutError:
        raise HTTPException(504, "the provider did not answer in time") from None
    except aiohttp.ClientResponseError as error:
        logger.warning("provider refused", extra={"tenant": tenant, "status": error.status})
        raise HTTPException(422 if error.status == 422 else 502, "the provider refused") from None
    except aiohttp.ClientError:
        raise HTTPException(502, "the provider could not be reached") from None


class Message(BaseModel, extra="forbid"):
    to: str = Field(pattern=r"^\+\d{6,15}$")
    text: str = Field(min_length=1, max_length=1600)


class Receipt(BaseModel):
    id: UUID4


@circuit(failure_threshold=5, recovery_timeout=20, expected_exception=aiohttp.ClientError)
async def send(http: aiohttp.ClientSession, url: str, tenant: str, message: Message) -> Receipt:
    options = {"headers": {"X-Tenant": tenant}, "timeout": aiohttp.ClientTimeout(total=4)}
    async with http.post(url, json=message.model_dump(), **options) as answer:
        answer.raise_for_status()
        return Receipt.model_validate(await answer.json())


router = APIRouter()


@router.post("/notifications", status_code=202)
async def notify(
    message: Message,
    who: Annotated[Caller, Depends(limited)],
    http: Annotated[aiohttp.ClientSession, Depends(session)],
    settings: Annotated[Settings, Depends(get_settings)],
) -> Receipt:
    async with provider_errors(who.tenant):
        receipt = await send(http, settings.provider_url, who.tenant, message)
    sent.add(1, {"tenant": who.tenant})
    return receipt
