# expect: logs.secrets
# absent: secrets
# present: rate_limiting, multi_tenancy, logging
"""Counts of tokens, names of password policies and masked keys may be logged; all request headers may not."""

import hashlib
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from prometheus_client import Counter
from pydantic import BaseModel, Field, SecretStr

from vault.deps import ApiKeys, get_keys, rate_limited, tenant

logger = logging.getLogger(__name__)
ROTATED = Counter("keys_rotated_total", "Keys rotated.")
Tenant = Annotated[str, Depends(tenant)]
router = APIRouter(prefix="/keys", dependencies=[Depends(rate_limited("keys"))])


class Rotation(BaseModel):
    name: str = Field(max_length=64)
    api_key: SecretStr
    max_tokens: int = Field(le=4096)


class Rotated(BaseModel):
    fingerprint: str


@router.post("", status_code=201)
async def rotate(
    request: Request, rotation: Rotation, tenant: Tenant, keys: Annotated[ApiKeys, Depends(get_keys)]
) -> Rotated:
    fingerprint = hashlib.sha256(rotation.api_key.get_secret_value().encode()).hexdigest()[:12]
    logger.info("rotating %s, max_tokens=%d, fingerprint %s", rotation.name, rotation.max_tokens, fingerprint)
    logger.info("password policy: %s, key %s", "strict", rotation.api_key)
    if not await keys.replace(tenant, rotation.name, rotation.api_key.get_secret_value()):
        logger.warning("rotation refused, request headers were %s", dict(request.headers))  # fires: logs.secrets
        raise HTTPException(409, "there is a newer key")
    ROTATED.inc()
    logger.info("api_key_length=%d token_type=%s", len(rotation.api_key.get_secret_value()), "bearer")
    return Rotated(fingerprint=fingerprint)
