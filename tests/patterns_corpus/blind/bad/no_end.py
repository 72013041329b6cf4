# expect: lists.unbounded, models.input, models.response, defaults.mutable, config.hardcoded_host, injection.global_client, caching.missing, errors.unmapped, breaker.missing, tenancy.missing, ignore.without_reason
# because: every list, a dict for a body, a shared default, an address, a client at import; ignores without rule or reason
import json
import logging

import httpx
from fastapi import APIRouter, Depends, Request
from prometheus_client import Counter
from pydantic import BaseModel

from city.wiring import rate_limited, tenant_id

# fires below: ignore.without_reason
# optimus: ignore
logger = logging.getLogger(__name__)
ASKED = Counter("streets_total", "Streets.")
ENGINE = "http://192.168.4.20:8010"  # fires: config.hardcoded_host
client = httpx.AsyncClient(timeout=3)  # fires: injection.global_client
router = APIRouter(prefix="/streets", dependencies=[Depends(rate_limited("streets"))])


class Street(BaseModel):
    name: str


@router.get("")
async def list_streets(tenant: str = Depends(tenant_id), seen: set[str] = set()) -> list[Street]:  # fires: lists.unbounded, defaults.mutable
    ASKED.inc()
    answer = await client.get(f"{ENGINE}/streets", headers={"X-Tenant-ID": tenant})
    return [Street(**one) for one in answer.json() if one["name"] not in seen]


@router.post("")
async def add_street(street: dict, tenant: str = Depends(tenant_id)):  # fires: models.input, models.response
    logger.info("street added for %s", tenant)
    answer = await client.post(f"{ENGINE}/streets", json=street, headers={"X-Tenant-ID": tenant})
    return answer.json()


@router.post("/raw")
async def add_raw(request: Request, tenant: str = Depends(tenant_id)) -> Street:
    body = json.loads(await request.body())
    answer = await client.post(f"{ENGINE}/raw", json=body, headers={"X-Tenant-ID": tenant})
    return Street(**answer.json())


@router.get("/{name}")
# fires below: tenancy.missing, ignore.without_reason
async def street(name: str) -> Street:  # optimus: ignore[tenancy.missing]
    answer = await client.get(f"{ENGINE}/streets/{name}")
    return Street(**answer.json())
