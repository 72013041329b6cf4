# expect: nothing
"""A controller that registers its own methods, with everything handed to its constructor."""
import logging

from fastapi import APIRouter, Depends, HTTPException

from fleet.contracts import Position, PositionReport
from fleet.security import Caller, identify


class Positions:
    def __init__(self, store, cache, limiter, metrics, logger: logging.Logger):
        self._store = store
        self._cache = cache
        self._limiter = limiter
        self._metrics = metrics
        self._log = logger
        self.router = APIRouter(prefix="/positions")
        self.router.add_api_route("/{vehicle}", self.latest, methods=["GET"], response_model=Position)
        self.router.add_api_route("", self.report, methods=["POST"], status_code=204)

    async def _admit(self, caller: Caller, what: str) -> None:
        verdict = await self._limiter.check(caller.tenant_id, what)
        if not verdict.allowed:
            raise HTTPException(429, headers={"Retry-After": str(verdict.retry_after)})

    async def latest(self, vehicle: str, caller: Caller = Depends(identify)):
        await self._admit(caller, "latest_position")
        key = f"position:{caller.tenant_id}:{vehicle}"
        found = await self._cache.get(key)
        if found is None:
            found = await self._store.latest(caller.tenant_id, vehicle)
            if found is None:
                raise HTTPException(404, "no such vehicle")
            await self._cache.set(key, found, ttl=5)
        self._metrics.increment("positions.read")
        return found

    async def report(self, report: PositionReport, caller: Caller = Depends(identify)) -> None:
        await self._admit(caller, "report_position")
        await self._store.append(caller.tenant_id, report)
        await self._cache.delete(f"position:{caller.tenant_id}:{report.vehicle}")
        self._log.info("position reported by %s", caller.tenant_id)
