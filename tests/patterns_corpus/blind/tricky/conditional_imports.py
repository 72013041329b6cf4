# expect: nothing
# present: rate_limiting, caching, multi_tenancy, logging
# because: ImportError with pass picks a library and hides nothing; types for the checker only are still the types
from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tide.wiring import rate_limited, redis_of_app, sea, tenant_id

try:
    import structlog as logs
except ImportError:
    import logging as logs

try:
    import uvloop
except ModuleNotFoundError:
    pass
else:
    uvloop.install()

try:
    from prometheus_client import Counter
except ImportError:
    from statsd_shim import Counter

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from tide.store import Sea

log = logs.get_logger("tide") if hasattr(logs, "get_logger") else logs.getLogger("tide")
ASKED = Counter("tides_total", "Tides.")
router = APIRouter(prefix="/tides")


class Tide(BaseModel):
    metres: float

    @override
    def __str__(self) -> str:
        return f"{self.metres} m"


@router.get("/{port}", dependencies=[Depends(rate_limited("tide"))])
async def tide(
    port: str,
    tenant: Annotated[str, Depends(tenant_id)],
    redis: Annotated[Redis, Depends(redis_of_app)],
    water: Annotated[Sea, Depends(sea)],
) -> Tide:
    ASKED.inc()
    key = "tide:{}:{}".format(tenant, port)
    if kept := await redis.get(key):
        return Tide.model_validate_json(kept)
    found = await water.at(tenant, port)
    await redis.set(name=key, value=found.model_dump_json(), px=30_000)
    log.info("tide read")
    return found
