# expect: async.blocking, tenancy.missing
# present: rate_limiting, logging
# because: routes through add_api_route and names given by assignment are routes; a blocking method bound at import blocks
import logging
import time

import requests
from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel

import kite.wiring as w

info = logging.getLogger(__name__).info
flown = Counter("kites_total", "Kites.").inc
nap = time.sleep
session = requests.Session
need = Depends
r = APIRouter(prefix="/kites")
read = r.get
limit = w.rate_limited
tenant = need(w.tenant_id)
limited = [need(limit("kites"))]


class Kite(BaseModel):
    colour: str


async def one(colour: str, who: str = tenant, store=need(w.kites)) -> Kite:
    flown()
    info("kite of %s", who)
    nap(0.1)  # fires: async.blocking
    return await store.one(who, colour)


async def wind(colour: str, store=need(w.kites)) -> Kite:  # fires: tenancy.missing
    return await store.wind(colour)


r.add_api_route("/{colour}", one, methods=["GET"], dependencies=limited)
r.add_api_route("/{colour}/wind", wind, dependencies=limited)


@read("/{colour}/tail", dependencies=limited)
async def tail(colour: str, who: str = tenant, store=need(w.kites)) -> Kite:
    return await store.tail(who, colour)
