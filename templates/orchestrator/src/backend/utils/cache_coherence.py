"""After a write, no cached answer of before: none is given any more, those that are named are unlinked, all are told.

Whether a write took place is not always known: its answer may be lost. `invalidating` invalidates then, too, and keeps
answers from being stored until the service cannot be at work on that write any more.

One script does it, in Redis (see `cache_scripts`), without looking for keys. If Redis fails, the write stands, the
failure is counted, and the TTL bounds how long an old answer can live.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.utils.cache_keys import cache_pattern, encode_part, escape_glob, tracking_key
from backend.utils.cache_manager import BULK
from backend.utils.cache_scripts import INVALIDATE
from backend.utils.metrics import INVALIDATION_ERRORS
from backend.utils.redis_script import EssentialScript
from backend.utils.upstream import Written, written_despite

EVENT_LOG = "cache_coherence_events"
EVENT_LOG_LENGTH = 1000
DOUBT_SECONDS = 60  # so long a service may be at work on a write after we stopped waiting for its answer
MOST_UNLINKED = 500  # answers of a kind; more are left to their TTL, and not given any more
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
_BELOW: dict[str, set[str]] = {}
"""Kinds of what is cached below things, by the kind of the thing: routers tell theirs when they are imported."""
_OF_ONE_THING = {"conversation": "", "list_messages": "/*"}  # what follows the id at the start of the rest


def cached_below(kinds: Collection[str], parents: Collection[str]) -> None:
    """Say that answers of these kinds are below things of those: they count no more once such a thing is `gone`."""
    for parent in parents:
        _BELOW.setdefault(parent, set()).update(kinds)


@dataclass(frozen=True, slots=True)
class InvalidationResult:
    """What was done: keys unlinked, whether those were all that are named, and whether Redis took it."""

    keys_invalidated: int
    complete: bool
    published: bool


@dataclass(slots=True)
class Write:
    """A write on its way. Set `resource_id` where only its answer tells it."""

    resource_id: str | None


class CacheCoherenceManager:
    """Invalidation by event, for one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._invalidate = EssentialScript(redis, INVALIDATE)
        self._under_way = set[asyncio.Task[InvalidationResult]]()

    @asynccontextmanager
    async def invalidating(
        self,
        event_type: InvalidationType | str,
        tenant_id: str,
        *,
        resource_id: str | None = None,
        kinds: Collection[str] = (),
        within: str | None = None,
        gone: bool = False,
    ) -> AsyncIterator[Write]:
        """Invalidate after the write in this block, unless it surely changed nothing.

        A refusal changes nothing, nor does a request that was never sent. After a lost answer (no answer in time, a broken
        connection, a cancelled request) the write may have been done, and may yet be done: then answers of these kinds
        are not stored for `DOUBT_SECONDS` either.
        """
        write, outcome = Write(resource_id), Written.YES
        try:
            yield write
        except BaseException as error:
            outcome = written_despite(error)
            raise
        finally:
            if outcome is not Written.NO:
                doubt = DOUBT_SECONDS if outcome is Written.PERHAPS_LATER else 0
                ask = self.invalidate_by_event(
                    event_type,
                    tenant_id,
                    resource_id=write.resource_id,
                    kinds=kinds,
                    within=within,
                    gone=gone,
                    doubt_seconds=doubt,
                )
                task = asyncio.create_task(ask)  # a caller that goes away does not stop it
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                await asyncio.shield(task)

    async def invalidate_by_event(
        self,
        event_type: InvalidationType | str,
        tenant_id: str,
        *,
        resource_id: str | None = None,
        kinds: Collection[str] = (),
        within: str | None = None,
        gone: bool = False,
        doubt_seconds: float = 0,
    ) -> InvalidationResult:
        """Make stale what the event touches, and publish it. Never raises for Redis.

        `resource_id` spares the other conversations' answers. `kinds` replaces the kinds known for the event; a bulk
        invalidation without any takes all of the tenant's. `within` names the first part of their keys: it spares what is
        below others. `gone`: the thing is no more, and neither is what was cached below things of these kinds; what is
        below others of them loads anew. For `doubt_seconds` no answer of these kinds is stored.
        ValueError for an unknown event, or one with no kinds.
        """
        event = InvalidationType(event_type)
        kinds = tuple(kinds) or _AFFECTED.get(event, ())
        if not kinds and event is not InvalidationType.BULK_INVALIDATION:
            raise ValueError(f"{event} needs the kinds that it makes stale")
        thing = resource_id if within is None else within
        named = [
            text for kind in kinds for text in (kind, str(int(within is not None or kind in _OF_ONE_THING)))
        ]
        beneath = sorted({each for kind in kinds if gone for each in _BELOW.get(kind, ())} - {*kinds})
        named += [text for kind in beneath for text in (kind, "0")]
        args: list[Any] = [
            tenant_id,
            encode_part(thing or ""),
            str(int(thing is not None)),
            int(doubt_seconds * 1000),
        ]
        patterns = [_stale_pattern(kind, tenant_id, resource_id, within) for kind in kinds or ("*",)]
        patterns += [cache_pattern(kind, tenant_id) for kind in beneath]
        beginning = _beginning(event, tenant_id, resource_id, patterns)
        args += [MOST_UNLINKED, EVENT_LOG_LENGTH, beginning, *named]
        try:
            keys = [tracking_key(tenant_id, BULK), EVENT_LOG, f"cache_coherence:{tenant_id}"]
            removed, whole = await self._invalidate(keys=keys, args=args)
        except RedisError as error:
            _log.warning(
                "invalidation failed", extra={"fields": {"error": type(error).__name__, "type": event}}
            )
            INVALIDATION_ERRORS.inc()
            return InvalidationResult(0, complete=False, published=False)
        return InvalidationResult(removed, bool(whole), published=True)


def _beginning(event: InvalidationType, tenant: str, resource_id: str | None, patterns: list[str]) -> str:
    """Return the event as JSON up to the number of keys, which Redis adds."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {
        "type": event.value,
        "tenant_id": tenant,
        "timestamp": moment,
        "event_id": uuid.uuid4().hex,
        "resource_id": resource_id,
        "pattern": patterns[0],
        "patterns": patterns,
    }
    return f'{json.dumps(message)[:-1]}, "keys_invalidated": '


def _stale_pattern(kind: str, tenant: str, resource_id: str | None, within: str | None) -> str:
    """Return the SCAN pattern of what an event makes stale: no answer that it spares fits."""
    pattern = cache_pattern(kind, tenant)
    if within is not None:
        return pattern.removesuffix("*") + escape_glob(encode_part(within)) + "/*"
    if resource_id is None or kind not in _OF_ONE_THING:
        return pattern
    return pattern.removesuffix("*") + escape_glob(encode_part(resource_id)) + _OF_ONE_THING[kind]
