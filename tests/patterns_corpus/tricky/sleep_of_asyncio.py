# expect: nothing
"""This sleep gives the loop back; this get is a dict's; this open is a method."""
import logging
from asyncio import sleep

from fastapi import APIRouter, Depends
from prometheus_client import Counter

from shop.deps import doors, rate_limited, tenant_id
from shop.models import Door

log = logging.getLogger(__name__)
OPENED = Counter("doors_opened_total", "Doors opened.")
COLOURS = {"red": 1, "green": 2}
router = APIRouter()


@router.post("/doors/{door_id}/open", dependencies=[Depends(rate_limited("open_door"))])
async def open_door(door_id: str, tenant: str = Depends(tenant_id), lock=Depends(doors)) -> Door:
    await sleep(0.01)
    colour = COLOURS.get(door_id, 0)
    door = await lock.open(tenant, door_id, colour)
    log.info("door opened for %s", tenant)
    OPENED.inc()
    return door
