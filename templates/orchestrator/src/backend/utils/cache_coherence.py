"""After a write, no cached answer of before: find what it touches, unlink it, and tell everybody.

An invalidation touches the keys of its own tenant only: names are escaped for SCAN (never KEYS) and each one found is
taken apart and compared before it goes. SCAN walks the whole database, so give the caches one of their own. If Redis
fails half-way the write stands, the failure is counted, and the TTL bounds how long an old answer can live.
"""

import json
import logging
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.utils.cache_keys import cache_pattern, encode_part, escape_glob, parse_cache_key, tracking_key
from backend.utils.cache_manager import BULK
from backend.utils.metrics import INVALIDATION_ERRORS

EVENT_LOG = "cache_coherence_events"
EVENT_LOG_LENGTH = 1000
TRACKING_TTL_SECONDS = 3600
SCAN_BUDGET_SECONDS = 2.0
UNLINK_BATCH = 100
_log = logging.getLogger(__name__)


class InvalidationType(StrEnum):
    """What happened. `resource_updated` is any other resource: name its kinds."""

    CONVERSATION_CREATED = "conversation_created"
    CONVERSATION_UPDATED = "conversation_updated"
    CONVERSATION_DELETED = "conversation_deleted"
    MESSAGE_CREATED = "message_created"
    PROFILE_UPDATED = "profile_updated"
    RESOURCE_UPDATED = "resource_updated"
    BULK_INVALIDATION = "bulk_invalidation"


_AFFECTED: Mapping[InvalidationType, tuple[str, ...]] = {
    InvalidationType.CONVERSATION_CREATED: ("list_conversations",),
    InvalidationType.CONVERSATION_UPDATED: ("conversation", "list_conversations"),
    InvalidationType.CONVERSATION_DELETED: ("conversation", "list_messages", "list_conversations"),
    InvalidationType.MESSAGE_CREATED: ("list_messages", "conversation", "list_conversations"),
    InvalidationType.PROFILE_UPDATED: ("profile",),
}
_OF_ONE_THING = {"conversation": "", "list_messages": "/*"}  # what follows the id at the start of the rest


@dataclass(frozen=True, slots=True)
class InvalidationResult:
    """What was done: keys unlinked, whether all were looked for, and whether the event went out."""

    keys_invalidated: int
    complete: bool
    published: bool


class CacheCoherenceManager:
    """Invalidation by event, for one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def invalidate_by_event(
        self,
        event_type: InvalidationType | str,
        tenant_id: str,
        *,
        resource_id: str | None = None,
        kinds: Collection[str] = (),
    ) -> InvalidationResult:
        """Unlink what the event makes stale and publish it. Never raises for Redis.

        `resource_id` spares the other conversations' answers. `kinds` replaces the kinds known for the event; a bulk
        invalidation without any takes all of the tenant's. ValueError for an unknown event, or one with no kinds.
        """
        event = InvalidationType(event_type)
        kinds = tuple(kinds) or _AFFECTED.get(event, ())
        if not kinds and event is not InvalidationType.BULK_INVALIDATION:
            raise ValueError(f"{event} needs the kinds that it makes stale")
        removed, complete, published = 0, False, False
        try:
            await self._raise_generation(tenant_id, kinds or (BULK,))
            stale, complete = await self._find(tenant_id, kinds, resource_id)
            for start in range(0, len(stale), UNLINK_BATCH):
                removed += await self._redis.unlink(*stale[start : start + UNLINK_BATCH])
            await self._announce(event, tenant_id, kinds, resource_id, removed, complete)
            published = True
        except RedisError as error:
            _log.warning(
                "invalidation failed", extra={"fields": {"error": type(error).__name__, "type": event}}
            )
        if not (complete and published):
            INVALIDATION_ERRORS.inc()
        return InvalidationResult(removed, complete, published)

    async def _raise_generation(self, tenant: str, kinds: Collection[str]) -> None:
        """Make answers that are being fetched right now unfit for storing."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            for kind in kinds:
                pipeline.incr(tracking_key(tenant, kind))
                pipeline.expire(tracking_key(tenant, kind), TRACKING_TTL_SECONDS)
            await pipeline.execute()

    async def _find(
        self, tenant: str, kinds: Collection[str], resource_id: str | None
    ) -> tuple[list[bytes | str], bool]:
        """Return the stale keys, and whether the time allowed sufficed to see the whole database."""
        pattern = cache_pattern(next(iter(kinds)) if len(kinds) == 1 else "*", tenant)
        things = {"*", encode_part(resource_id)} if resource_id is not None else set()
        stale, cursor, stop = set[bytes | str](), 0, time.monotonic() + SCAN_BUDGET_SECONDS
        while True:
            cursor, page = await self._redis.scan(cursor, match=pattern, count=1000)
            for raw in page:
                key = parse_cache_key(raw)
                if key is None or key.tenant != tenant or (kinds and key.kind not in kinds):
                    continue
                if not things or key.kind not in _OF_ONE_THING or key.first in things:
                    stale.add(raw)
            if cursor == 0 or time.monotonic() > stop:
                return list(stale), cursor == 0

    async def _announce(
        self,
        event: InvalidationType,
        tenant: str,
        kinds: Collection[str],
        resource_id: str | None,
        removed: int,
        complete: bool,
    ) -> None:
        """Publish the event on the tenant's channel, and keep it in the bounded log."""
        patterns = [_stale_pattern(kind, tenant, resource_id) for kind in kinds or ("*",)]
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = json.dumps(
            {
                "type": event.value,
                "tenant_id": tenant,
                "timestamp": moment,
                "event_id": uuid.uuid4().hex,
                "resource_id": resource_id,
                "pattern": patterns[0],
                "patterns": patterns,
                "keys_invalidated": removed,
                "complete": complete,
            }
        )
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lpush(EVENT_LOG, message)
            pipeline.ltrim(EVENT_LOG, 0, EVENT_LOG_LENGTH - 1)
            pipeline.publish(f"cache_coherence:{tenant}", message)
            await pipeline.execute()


def _stale_pattern(kind: str, tenant: str, resource_id: str | None) -> str:
    """Return the SCAN pattern of what an event makes stale: no answer that it spares fits."""
    pattern = cache_pattern(kind, tenant)
    if resource_id is None or kind not in _OF_ONE_THING:
        return pattern
    return pattern.removesuffix("*") + escape_glob(encode_part(resource_id)) + _OF_ONE_THING[kind]
