# expect: nothing
"""A route class does for all routes what they share: limit, errors, metrics."""
import logging
from collections.abc import Callable

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import Counter

from geo.breaker import breaker
from geo.deps import cache, client, limiter_for, org_id
from geo.models import Place

log = logging.getLogger(__name__)
ANSWERS = Counter("geo_answers_total", "Answers by status.", ["status"])


class Guarded(APIRoute):
    def get_route_handler(self) -> Callable:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            limiter = limiter_for(request)
            if not await limiter.acquire(request.headers["x-org-id"]):
                raise HTTPException(429, headers={"Retry-After": "30"})
            try:
                answer = await inner(request)
            except httpx.HTTPError as broken:
                log.warning("geo upstream: %s", type(broken).__name__)
                ANSWERS.labels("502").inc()
                raise HTTPException(502) from broken
            ANSWERS.labels(str(answer.status_code)).inc()
            return answer

        return handle


router = APIRouter(route_class=Guarded)


@router.get("/places/{place_id}")
async def place(place_id: str, org: str = Depends(org_id), kept=Depends(cache), http: httpx.AsyncClient = Depends(client)) -> Place:
    hit = await kept.get(f"{org}/{place_id}")
    if hit:
        return Place.model_validate(hit)
    with breaker.calling():
        found = await http.get(f"/places/{place_id}", headers={"x-org-id": org})
    found.raise_for_status()
    await kept.set(f"{org}/{place_id}", found.json(), expire=900)
    return Place.model_validate(found.json())
