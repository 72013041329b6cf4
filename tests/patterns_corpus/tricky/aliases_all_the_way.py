# expect: async.blocking, timeouts.missing, breaker.missing, caching.missing
"""A blocking call under three names."""
import logging

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from requests import RequestException
from requests import get as look

from shop.deps import rate_limited, settings, tenant_id
from shop.models import Parcel

log = logging.getLogger(__name__)
ASKED = Counter("parcels_asked_total", "Parcels asked for.")
fetch = look
router = APIRouter()


@router.get("/parcels/{number}", dependencies=[Depends(rate_limited("parcel"))])
async def parcel(number: str, tenant: str = Depends(tenant_id), config=Depends(settings)) -> Parcel:
    ASKED.inc()
    try:
        answer = fetch(config.carrier + number, headers={"X-Tenant-ID": tenant})
    except RequestException:
        log.warning("no parcel for %s", tenant)
        raise HTTPException(502) from None
    return Parcel(**answer.json())
