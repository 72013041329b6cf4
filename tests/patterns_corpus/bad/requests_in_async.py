# expect: limits.missing, caching.missing, async.blocking, timeouts.missing, errors.unmapped, breaker.missing, metrics.missing, models.response
import logging
import os

import requests
from fastapi import APIRouter, Header

logger = logging.getLogger(__name__)
router = APIRouter()


@router.get("/profile/{name}")
async def profile(name: str, x_tenant_id: str = Header()):
    logger.info("profile of %s", name)
    answer = requests.get(os.environ["ENGINE"] + "/profile/" + name, headers={"X-Tenant-ID": x_tenant_id})
    return answer.json()
