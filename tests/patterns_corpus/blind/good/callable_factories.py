# expect: nothing
# present: rate_limiting, caching, multi_tenancy, dependency_injection, logging
# because: dependencies are instances of classes with __call__; the limit is a GCRA class of this file over a script
import logging
import os

from fastapi import APIRouter, Depends, Header, HTTPException, Response
from prometheus_client import Summary
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from survey.data import Answers, answers, connection

logger = logging.getLogger(__name__)
TOOK = Summary("survey_seconds", "Seconds.")
_GCRA = "local t = redis.call('INCR', KEYS[1]) if t == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return t"


class TenantGuard:
    def __init__(self, allowed: str) -> None:
        self.allowed = frozenset(allowed.split(","))

    def __call__(self, x_tenant_id: str = Header(...)) -> str:
        if x_tenant_id not in self.allowed:
            raise HTTPException(403, "unknown account")
        return x_tenant_id


tenant_guard = TenantGuard(os.environ.get("TENANTS", ""))


class AtMost:
    def __init__(self, times: int, per: float) -> None:
        self.times, self.per = times, per

    async def __call__(
        self, response: Response, tenant: str = Depends(tenant_guard), redis: Redis = Depends(connection)
    ) -> None:
        count = await redis.eval(_GCRA, 1, f"rate:{tenant}:survey", int(self.per * 1000))
        response.headers["X-RateLimit-Remaining"] = str(max(0, self.times - count))
        if count > self.times:
            raise HTTPException(429, "enough for now", headers={"Retry-After": str(self.per)})


router = APIRouter(prefix="/survey", dependencies=[Depends(AtMost(100, per=60))])


class Reply(BaseModel):
    stars: int = Field(ge=1, le=5)


class Score(BaseModel):
    mean: float
    count: int


class Cached:
    def __init__(self, kind: str, seconds: int) -> None:
        self.kind, self.seconds = kind, seconds

    def key(self, tenant: str) -> str:
        return f"{self.kind}:{tenant}"

    async def read(self, redis: Redis, tenant: str, load) -> Score:
        raw = await redis.get(self.key(tenant))
        if raw is None:
            raw = (await load()).model_dump_json()
            await redis.set(self.key(tenant), raw, ex=self.seconds)
        return Score.model_validate_json(raw)

    async def drop(self, redis: Redis, tenant: str) -> None:
        await redis.unlink(self.key(tenant))
        await redis.publish("cache_coherence:survey", tenant)


score_cache = Cached("score", 30)


@router.get("/score")
async def score(
    tenant: str = Depends(tenant_guard), redis: Redis = Depends(connection), data: Answers = Depends(answers)
) -> Score:
    with TOOK.time():
        return await score_cache.read(redis, tenant, lambda: data.score(tenant))


@router.post("/replies", status_code=204)
async def reply(
    given: Reply,
    tenant: str = Depends(tenant_guard),
    redis: Redis = Depends(connection),
    data: Answers = Depends(answers),
) -> None:
    with TOOK.time():
        await data.add(tenant, given.stars)
        await score_cache.drop(redis, tenant)
    logger.info("reply kept for %s", tenant)
