# expect: models.input, models.response, defaults.mutable, logging.print, logging.missing, metrics.missing
import json

from fastapi import APIRouter, Depends, Request

from shop.deps import rate_limited, tenant_id

router = APIRouter(dependencies=[Depends(rate_limited("events"))])


def tagged(event: dict, tags: list = []) -> dict:
    tags.append(event.get("type"))
    return {**event, "tags": tags}


@router.post("/events")
async def take(request: Request, tenant: str = Depends(tenant_id)):
    event = await request.json()
    print("event of", tenant, json.dumps(event))
    return tagged(event)
