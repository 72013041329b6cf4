# needs: 3.12
# expect: errors.text_told
# present: rate_limiting, caching, multi_tenancy, logging
# because: `type` aliases, generics in brackets, match, except* and quotes inside f-strings are read like the old forms
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from prometheus_client import Counter
from pydantic import BaseModel

from lake.wiring import Limits, Waters, limits, memory, waters

logger = logging.getLogger(__name__)
ASKED = Counter("lakes_total", "Lakes.", ["kind"])
router = APIRouter(prefix="/lakes")


async def caller(headers: Annotated[dict[str, str] | None, Header()] = None, x_tenant_id: str = Header()) -> str:
    return x_tenant_id


type Caller = Annotated[str, Depends(caller)]
type Lakes = Annotated[Waters, Depends(waters)]


class Page[T](BaseModel):
    items: list[T]


class Lake(BaseModel):
    name: str


async def under_limit(who: Caller, book: Annotated[Limits, Depends(limits)]) -> None:
    match await book.check(who, "lakes"):
        case {"allowed": True}:
            return
        case {"retry_after": seconds}:
            raise HTTPException(429, "enough", headers={"Retry-After": f"{seconds}"})


async def remembered[T](cache, key: str, load) -> T:
    if (found := await cache.get(key)) is None:
        await cache.set(key, found := await load(), ttl=60)
    return found


@router.get("", dependencies=[Depends(under_limit)])
async def lakes(who: Caller, store: Lakes, cache=Depends(memory), size: int = Query(50, le=200)) -> Page[Lake]:
    ASKED.labels(f"{"many" if size > 10 else "few"}").inc()
    try:
        return await remembered(cache, f"lakes:{who}:{f"{size:d}"}", lambda: store.page(who, size))
    except* ConnectionError as group:
        logger.warning("lakes failed")
        raise HTTPException(502, str(group.exceptions[0]))  # fires: errors.text_told
