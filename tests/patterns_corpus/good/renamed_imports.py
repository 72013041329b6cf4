# expect: nothing
"""The house's own modules under other names."""
import logging as L

import httpx as hx
from fastapi import APIRouter as R
from fastapi import Depends as D
from fastapi import HTTPException as Oops
from prometheus_client import Counter as C

import gatehouse.limits as gl
from gatehouse import breaker as cb
from gatehouse.cache import CacheManager as CM
from gatehouse.cache import manager as cm
from gatehouse.tenants import tenant as who
from gatehouse.web import client as web
from gatehouse.wire import Room, RoomIn

say = L.getLogger("rooms")
hits = C("rooms_hits_total", "Rooms asked for.")
rooms = R(prefix="/rooms")


@rooms.get("/{rid}", dependencies=[D(gl.rate_limited("room"))])
async def one(rid: str, t: str = D(who), c: CM = D(cm), h: hx.AsyncClient = D(web)) -> Room:
    hits.inc()
    try:
        async with cb.guard("rooms"):
            return await c.fetch("room", t, rid, load=lambda: h.get(f"/rooms/{rid}", headers={"X-Tenant-ID": t}))
    except hx.HTTPError as e:
        say.warning("rooms: %s", type(e).__name__)
        raise Oops(502, "rooms are not to be had") from e


@rooms.patch("/{rid}", dependencies=[D(gl.rate_limited("change_room"))])
async def change(rid: str, room: RoomIn, t: str = D(who), c: CM = D(cm), h: hx.AsyncClient = D(web)) -> Room:
    try:
        async with cb.guard("rooms"):
            done = await h.patch(f"/rooms/{rid}", json=room.model_dump(), headers={"X-Tenant-ID": t})
            done.raise_for_status()
    except hx.HTTPError as e:
        raise Oops(502, "rooms are not to be had") from e
    await c.invalidate("room", t, rid)
    return Room(**done.json())
