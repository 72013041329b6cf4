"""Requests per tenant, operation and minute, counted in Redis.

One script counts and dates the counter in a single step, so no crash can leave a counter without an expiry: such a
counter would block its tenant for ever. One that somebody else left without an expiry is given one at the next
request; nothing else about it is touched.

Where the memory of Redis is full, counting goes on. When Redis cannot count, requests pass: a limiter that takes the
product down with it does more harm than a minute without limits. Each of them is counted in
`rate_limit_unenforced_total`, and the outage is logged.
"""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.utils.metrics import RATE_LIMIT_REFUSED, RATE_LIMIT_UNENFORCED, tenant_labels
from backend.utils.redis_script import EssentialScript

WINDOW_SECONDS = 60
_OPERATION = re.compile(r"[a-z][a-z0-9_]{0,63}")
_log = logging.getLogger(__name__)

_COUNT = """
local count = redis.call('INCR', KEYS[1])
local remaining = redis.call('PTTL', KEYS[1])
if remaining < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  remaining = tonumber(ARGV[1])
end
return {count, remaining}
"""


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """One verdict. `count` is None where Redis could not count; `retry_after` is in seconds, 0 where allowed."""

    allowed: bool
    count: int | None
    limit: int
    retry_after: int


class EnterpriseRateLimiter:
    """Fixed windows of a minute in `rate_limit:{tenant}:{operation}`."""

    limits: ClassVar[Mapping[str, int]] = {
        "chat": 150,
        "list_conversations": 100,
        "get_conversation": 300,
        "create_conversation": 60,
        "update_conversation": 60,
        "delete_conversation": 30,
        "list_messages": 200,
        "create_message": 100,
        "profile": 100,
        "export": 20,
    }
    default_limit: ClassVar[int] = 100  # of an operation not named above
    tenant_overrides: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "enterprise_demo": {"chat": 600, "export": 100},
    }

    def __init__(self, redis: Redis) -> None:
        self._count = EssentialScript(redis, _COUNT)

    def limit_for(self, tenant: str, operation: str) -> int:
        """Return requests per window: the tenant's own number, else the operation's, else the default."""
        own = self.tenant_overrides.get(tenant, {})
        return own.get(operation, self.limits.get(operation, self.default_limit))

    async def check(self, tenant: str, operation: str) -> RateLimitResult:
        """Count one request and judge it. ValueError for an operation that could be mistaken for part of a tenant."""
        if not _OPERATION.fullmatch(operation):
            raise ValueError(f"an operation is lower-case letters, digits and _, not {operation!r}")
        limit = self.limit_for(tenant, operation)
        try:
            count, remaining_ms = await self._count(
                keys=[f"rate_limit:{tenant}:{operation}"], args=[WINDOW_SECONDS * 1000]
            )
        except RedisError as error:
            RATE_LIMIT_UNENFORCED.inc()
            _log.warning("rate limit not enforced", extra={"fields": {"error": type(error).__name__}})
            return RateLimitResult(True, None, limit, 0)
        if count <= limit:
            return RateLimitResult(True, count, limit, 0)
        RATE_LIMIT_REFUSED.labels(tenant_labels.label(tenant), operation).inc()
        return RateLimitResult(False, count, limit, max(1, math.ceil(remaining_ms / 1000)))

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the limits in force, as `/api/rate-limits` publishes them."""
        return {
            "window_seconds": WINDOW_SECONDS,
            "limits": dict(cls.limits),
            "default_limit": cls.default_limit,
            "tenants": {tenant: dict(own) for tenant, own in cls.tenant_overrides.items()},
        }
