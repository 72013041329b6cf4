"""Cached answers in Redis: every one has a TTL, every look-up is counted, and no failure of Redis reaches a caller.

An answer counts as long as the generations that it was asked under stand (see `cache_scripts`), so one that was fetched
before a write is neither stored nor given after it. Of many who miss the same answer one loads it, here and in every
other gateway process at the same Redis; the others wait for it.
"""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from fastapi import Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from backend.utils.cache_keys import generate_cache_key, parse_cache_key, tracking_key
from backend.utils.cache_scripts import LOOK_UP, STORE
from backend.utils.metrics import CACHE_ERRORS, CACHE_HITS, CACHE_MISSES, CACHE_SHARED, value_of
from backend.utils.shared_work import SharedWork, forget_failure

DEFAULT_TTL_SECONDS = 300
LEASE_SECONDS = 15.0  # how long one may load what others wait for: only one that died takes longer
OWN_DELAY_SECONDS = 2.5  # Redis is given up on after 2 s; what took longer waited for this process
TRACKING_SECONDS = 60  # a hash outlives the answers that it vouches for by this
MAX_THINGS = 50_000  # in the hash of a tenant and kind; then it starts afresh, which costs misses
MAX_NAMES_BYTES = 4096  # of the answers stored under one thing; then they are forgotten, and load anew
COUNT_FRESH_SECONDS = 3.0
COUNT_BUDGET_SECONDS = 1.0
BULK = "bulk"  # stands for all kinds of a tenant
_REST = re.compile(r"[A-Za-z0-9_.~%/*-]+")
_log = logging.getLogger(__name__)


class Cached(NamedTuple):
    """An answer and whether the cache gave it. It may be shared with other callers: do not change it."""

    value: dict[str, Any]
    hit: bool

    def answer(self, response: Response) -> dict[str, Any]:
        """Return the answer, and say in X-Cache where it is from."""
        response.headers["X-Cache"] = "HIT" if self.hit else "MISS"
        return self.value


class _Place(NamedTuple):
    """Where an answer is kept, and what decides whether it counts."""

    keys: tuple[str, str, str]
    kind: str
    thing: str
    rest: str


class _Look(NamedTuple):
    """What Redis said. `lead`: it is ours to load; `wait`: another loads it; `doubt`: load it, but do not store it."""

    state: Literal["hit", "lead", "wait", "doubt", "miss"]
    generations: str
    value: Any


class CacheManager:
    """Reads and writes of cached JSON answers, for one Redis."""

    def __init__(
        self, redis: Redis, ttl_seconds: int = DEFAULT_TTL_SECONDS, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._redis = redis
        self._ttl = ttl_seconds
        self._lease_ms = int(lease_seconds * 1000)
        self._owner = secrets.token_hex(8)
        self._look_script = redis.register_script(LOOK_UP)
        self._store_script = redis.register_script(STORE)
        self._looks = SharedWork[_Look | None]()
        self._alone = SharedWork[dict[str, Any]]()
        self._loading: dict[tuple[str, str], asyncio.Task[dict[str, Any]]] = {}
        self._count: dict[str, Any] = {}
        self._counted_at = float("-inf")
        self._counting = asyncio.Lock()

    async def get(self, key: str) -> Any | None:
        """Return a cached answer; None where there is none, it cannot be read, or Redis does not serve."""
        look = await self._look(_place_of(key), self._ttl, claim=False)
        if look is None:
            return None
        _count(hit=look.value is not None)
        return look.value

    async def set(self, key: str, value: Any, ttl_seconds: int | None = None) -> bool:
        """Store an answer for a time (there is no way to store one for ever); False where it was not stored.

        A write that comes between asking for `value` and storing it goes unnoticed here; `fetch` notices it.
        """
        place, ttl = _place_of(key), ttl_seconds or self._ttl
        look = await self._look(place, ttl, claim=True)
        if look is None or look.state == "doubt":
            return False
        return await self._store(place, look.generations, json.dumps(value), ttl)

    async def fetch(
        self,
        kind: str,
        tenant: str,
        *rest: str | int,
        load: Callable[[], Awaitable[dict[str, Any]]],
        ttl_seconds: int = 0,
        model: type[BaseModel] | None = None,
    ) -> Cached:
        """Return the cached answer, or load, store and return it. What `load` raises is raised, and not stored.

        Whoever misses while it is being loaded gets the same answer or exception. A cached answer that does not fit the
        `model` is none: it is of an older release, or somebody else's.
        """
        key = generate_cache_key(kind, tenant, *rest)
        place, ttl = _place_of(key), ttl_seconds or self._ttl
        look = await self._looks.run(key, lambda: self._look(place, ttl, claim=True))
        if look is None:
            return Cached(await self._alone.run(key, load), hit=False)
        if look.state == "hit" and _fits(look.value, model):
            _count(hit=True)
            return Cached(look.value, hit=True)
        _count(hit=False)
        return Cached(await self._shared(place, look, load, ttl, model), hit=False)

    async def metrics(self) -> dict[str, Any]:
        """Return hits and misses and the number of keys; what is not known is None, never 0."""
        hits, misses = value_of("cache_hits_total"), value_of("cache_misses_total")
        async with self._counting:
            if time.monotonic() - self._counted_at > COUNT_FRESH_SECONDS:
                self._count = await self._count_keys()
                self._counted_at = time.monotonic()
        return {
            "hit_rate": round(hits / (hits + misses), 4) if hits + misses else None,
            "hits": hits,
            "misses": misses,
            "errors": value_of("cache_errors_total"),
            **self._count,
        }

    async def _shared(
        self,
        place: _Place,
        look: _Look,
        load: Callable[[], Awaitable[dict[str, Any]]],
        ttl: int,
        model: type[BaseModel] | None,
    ) -> dict[str, Any]:
        """Load the answer once for all who asked under the same generations; a caller that leaves stops nobody else."""
        name = (place.keys[0], look.generations)
        task = self._loading.get(name)
        if task is None:
            task = asyncio.create_task(self._load(place, look, load, ttl, model))
            self._loading[name] = task
            task.add_done_callback(lambda done: self._loading.pop(name, None))
            task.add_done_callback(forget_failure)
        else:
            CACHE_SHARED.inc()
        return await asyncio.shield(task)

    async def _load(
        self,
        place: _Place,
        look: _Look | None,
        load: Callable[[], Awaitable[dict[str, Any]]],
        ttl: int,
        model: type[BaseModel] | None,
    ) -> dict[str, Any]:
        """Load and store the answer, or wait for the process that does."""
        pause = 0.005
        while look is not None and look.state == "wait":
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)
            look = await self._look(place, ttl, claim=True)
        if look is not None and look.state == "hit" and _fits(look.value, model):
            value: dict[str, Any] = look.value
            return value
        value, stored = {}, ""
        try:
            value = await load()
            stored = json.dumps(value)
        finally:
            if look is not None and look.state != "doubt":
                await self._store(place, look.generations, stored, ttl)
        return value

    async def _look(self, place: _Place, ttl: int, *, claim: bool) -> _Look | None:
        """Return what is there, or None where Redis does not serve. `claim`: load it if nobody else does."""
        owner = self._owner if claim else ""
        fresh = secrets.token_hex(8)
        args: list[Any] = [
            place.thing,
            place.rest,
            place.kind,
            fresh,
            owner,
            self._lease_ms,
            ttl + TRACKING_SECONDS,
            MAX_THINGS,
        ]
        asked = time.monotonic()
        try:
            try:
                state, generations, raw = await self._look_script(keys=place.keys, args=args)
            except RedisTimeout:
                if time.monotonic() - asked < OWN_DELAY_SECONDS:
                    raise
                state, generations, raw = await self._look_script(keys=place.keys, args=args)
        except RedisError as error:
            _unserved(error)
            return None
        value = None
        if state == b"hit":
            try:
                value = from_json(raw)
            except ValueError:  # whoever wrote it, it is not an answer of ours
                value = None
        return _Look(state.decode(), generations.decode(), value)

    async def _store(self, place: _Place, generations: str, text: str, ttl: int) -> bool:
        """Store an answer if its generations stand, and let others load it again; without a text only the latter."""
        fresh = secrets.token_hex(8)
        kept = ttl + TRACKING_SECONDS
        args: list[Any] = [
            place.thing,
            place.rest,
            self._owner,
            generations,
            text,
            ttl,
            kept,
            MAX_NAMES_BYTES,
            fresh,
        ]
        try:
            return bool(await self._store_script(keys=place.keys, args=args))
        except RedisError as error:
            _unserved(error)
            return False

    async def _count_keys(self) -> dict[str, Any]:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stop, seen, cursor, complete = time.monotonic() + COUNT_BUDGET_SECONDS, set[bytes | str](), 0, False
        try:
            while not complete and time.monotonic() < stop:
                cursor, page = await self._redis.scan(cursor, match="cache:*", count=1000)
                seen.update(page)
                complete = cursor == 0
        except RedisError as error:
            _unserved(error)
            return {
                "total_keys": None,
                "complete": False,
                "as_of": moment,
                "error": "Redis could not be asked",
            }
        return {"total_keys": len(seen), "complete": complete, "as_of": moment, "error": None}


def _place_of(key: str) -> _Place:
    """Return where the parts of a name are kept; ValueError for a name that is none of `generate_cache_key`."""
    name = parse_cache_key(key)
    if name is None or not _REST.fullmatch(name.rest):
        raise ValueError(f"{key!r} is no cache key")
    keys = (key, tracking_key(name.tenant, name.kind), tracking_key(name.tenant, BULK))
    return _Place(keys, name.kind, name.first, name.rest)


def _fits(value: Any, model: type[BaseModel] | None) -> bool:
    if not isinstance(value, dict):
        return False
    if model is None:
        return True
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


def _count(hit: bool) -> None:
    (CACHE_HITS if hit else CACHE_MISSES).inc()


def _unserved(error: RedisError) -> None:
    CACHE_ERRORS.inc()
    _log.warning("cache command not served", extra={"fields": {"error": type(error).__name__}})
