# expect: logs.secrets, models.response, metrics.missing
import logging

from fastapi import APIRouter, Depends, Request

from shop.deps import accounts, rate_limited, tenant_id
from shop.models import Login

logger = logging.getLogger(__name__)
router = APIRouter()


@router.post("/login", dependencies=[Depends(rate_limited("login"))])
async def login(credentials: Login, request: Request, tenant: str = Depends(tenant_id), people=Depends(accounts)):
    logger.info("login of %s with %s", credentials.user, credentials.password)
    token = await people.login(tenant, credentials)
    logger.debug(f"issued {token}")
    return {"token": token}
