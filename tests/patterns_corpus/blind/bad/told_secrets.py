# expect: logs.secrets, logging.print, unsafe.eval
# because: a token, a password, the whole header and a key in f-strings, %-formats, extra and print; text run as code
import logging
import os

from fastapi import APIRouter, Depends, Header
from prometheus_client import Counter
from pydantic import BaseModel

from bank.wiring import rate_limited, tenant_id, verify

log = logging.getLogger(__name__)
LOGINS = Counter("logins_total", "Logins.")
API_KEY = os.environ["API_KEY"]
router = APIRouter(dependencies=[Depends(rate_limited("login"))])


class Credentials(BaseModel):
    user: str
    password: str


class Session(BaseModel):
    token: str


@router.post("/login")
async def login(
    given: Credentials, tenant: str = Depends(tenant_id), authorization: str = Header()
) -> Session:
    LOGINS.inc()
    log.info(f"login of {given.user} at {tenant} with {given.password}")  # fires: logs.secrets
    log.debug("authorization was %s", authorization)  # fires: logs.secrets
    session = await verify(tenant, given)
    log.info("session opened", extra={"token": session.token})  # fires: logs.secrets
    print("key", API_KEY)  # fires: logging.print, logs.secrets
    log.info("token opened with %d characters", len(session.token))
    return session


@router.post("/formula")
async def formula(given: Credentials, tenant: str = Depends(tenant_id)) -> Session:
    log.info("password of %s changed at %s", given.user, tenant)
    exec(given.user)  # fires: unsafe.eval
    return Session(token=eval(given.user))  # fires: unsafe.eval
