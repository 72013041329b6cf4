# expect: routes.hidden, errors.status_lost
"""The newest and the best are asked for by the parameter's route; a missing one is answered as a fault."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter

from films.deps import films, rate_limited, tenant_id
from films.models import Film

log = logging.getLogger(__name__)
SEEN = Counter("films_seen_total", "Films seen.")
Tenant = Annotated[str, Depends(tenant_id)]
Films = Annotated[object, Depends(films)]
router = APIRouter(prefix="/films", dependencies=[Depends(rate_limited("films"))])


async def must_exist(store, tenant: str, film_id: str):
    film = await store.one(tenant, film_id)
    if film is None:
        raise HTTPException(404, "there is no such film")
    return film


@router.get("/{film_id}")
async def film(film_id: str, tenant: Tenant, store: Films) -> Film:
    SEEN.inc()
    log.info("film of %s", tenant)
    try:
        return await must_exist(store, tenant, film_id)
    except Exception:  # fires: errors.status_lost
        log.exception("a film could not be read")
        raise HTTPException(500, "it could not be read") from None


@router.get("/newest")
# fires below: routes.hidden
async def newest(tenant: Tenant, store: Films) -> Film:
    SEEN.inc()
    log.info("newest film of %s", tenant)
    return await store.newest(tenant)
