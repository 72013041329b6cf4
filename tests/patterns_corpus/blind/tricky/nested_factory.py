# expect: limits.missing, async.blocking
# present: multi_tenancy, logging
# because: routes made inside a function are routes; the second one leaves the limit out, and sleeps in a nested function
import logging
import time

from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel

from forest.wiring import rate_limited, tenant_id, trees_of

log = logging.getLogger(__name__)
ASKED = Counter("trees_total", "Trees.")


class Tree(BaseModel):
    name: str


def build(kind: str) -> APIRouter:
    router = APIRouter(prefix=f"/{kind}")

    def store():
        return trees_of(kind)

    @router.get("/{name}", dependencies=[Depends(rate_limited(kind))])
    async def tree(name: str, tenant: str = Depends(tenant_id), trees=Depends(store)) -> Tree:
        ASKED.inc()
        log.info("%s read", kind)
        return await trees.one(tenant, name)

    @router.get("/{name}/rings")
    async def rings(name: str, tenant: str = Depends(tenant_id), trees=Depends(store)) -> Tree:  # fires: limits.missing
        async def count() -> Tree:
            time.sleep(1)  # fires: async.blocking
            return await trees.rings(tenant, name)

        return await count()

    return router


oaks = build("oak")
firs = build("fir")
