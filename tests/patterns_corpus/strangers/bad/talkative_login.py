# expect: logs.secrets, errors.text_told, models.input, tenancy.missing, logging.print, metrics.missing, errors.unmapped
# present: rate_limiting
# absent: secrets, input_models, multi_tenancy, metrics
"""A login that tells the log the password, the answer the exception, and stdout the token."""

import structlog
from fastapi import APIRouter, Body, Depends, HTTPException
from fastapi.security import OAuth2PasswordRequestForm
from fastapi_limiter.depends import RateLimiter
from pydantic import BaseModel

from accounts.identity import IdentityClient, get_identity_client

logger = structlog.get_logger()
router = APIRouter(prefix="/auth", dependencies=[Depends(RateLimiter(times=5, seconds=60))])


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"


@router.post("/token", response_model=Token)
# fires below: tenancy.missing, metrics.missing
async def login(
    form: OAuth2PasswordRequestForm = Depends(), identity: IdentityClient = Depends(get_identity_client)
):
    logger.info("login_attempt", username=form.username, password=form.password)  # fires: logs.secrets
    try:
        token = await identity.exchange(form.username, form.password)
    except Exception as exc:
        logger.exception("login_failed")
        raise HTTPException(status_code=401, detail=f"Login failed: {exc}")  # fires: errors.text_told
    print(f"issued {token.access_token}")  # fires: logging.print, logs.secrets
    return Token(access_token=token.access_token)


@router.post("/refresh", response_model=Token)
# fires below: models.input, errors.unmapped
async def refresh(payload: dict = Body(...), identity: IdentityClient = Depends(get_identity_client)):
    refresh_token = payload["refresh_token"]
    logger.debug("refreshing", refresh_token=refresh_token)  # fires: logs.secrets
    token = await identity.refresh(refresh_token)
    return Token(access_token=token.access_token)
