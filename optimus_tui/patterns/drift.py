"""Compare what routers declare with what Redis holds. Pure: names in, differences out.

What is declared and was not seen may not have been used yet, so that difference is of low priority; where the keyspace
was not read completely, it is not reported at all.

The words that identify a job where its definition is not in the tree. Each further word accepts more names.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple

from optimus_tui.patterns.source.names import HTTP_VERBS

DriftKind = Literal[
    "operation never seen", "kind never seen", "operation undeclared", "kind undeclared", "key without TTL"
]


class Declared(NamedTuple):
    """Names written in the routers. ``kinds_with_ttl``: those whose code sets an expiry."""

    operations: frozenset[str]
    kinds: frozenset[str]
    kinds_with_ttl: frozenset[str] = frozenset()


class Observed(NamedTuple):
    """Names found in Redis; ``complete`` tells whether all names were read."""

    operations: frozenset[str]
    kinds: frozenset[str]
    immortal_kinds: dict[str, int]
    complete: bool


class Drift(NamedTuple):
    """One difference between the routers and Redis."""

    kind: DriftKind
    name: str
    priority: Literal["high", "medium", "low"]
    message: str
    fix: str


def drift(declared: Declared, seen: Observed, helpers: Collection[str] = ()) -> list[Drift]:
    """Return every difference, the worst first. ``helpers`` are kinds of the gateway itself (its own tracking)."""
    found = [_endless(name, declared, seen) for name in sorted(declared.kinds & seen.immortal_kinds.keys())]
    found += [
        Drift(
            "operation undeclared", name, "medium", f"Redis counts {name}, which no router declares",
            "An old counter, another service, or a router outside of the tree.",
        )
        for name in sorted(seen.operations - declared.operations)
    ]  # fmt: skip
    found += [
        Drift(
            "kind undeclared", name, "medium", f"Redis holds cache keys of the kind {name}, which no router declares",
            "Nothing invalidates them: remove them, or declare who writes them.",
        )
        for name in sorted(seen.kinds - declared.kinds - set(helpers))
    ]  # fmt: skip
    if seen.complete:
        return [*found, *_unseen(declared, seen)]
    return found


def _endless(name: str, declared: Declared, seen: Observed) -> Drift:
    count = seen.immortal_kinds[name]
    keys = f"1 key of the kind {name} never expires"
    if count > 1:
        keys = f"{count:,} keys of the kind {name} never expire"
    reason, fix = "as the code stores it: without an expiry", "Give it one: redis.set(key, value, ex=300)."
    if name in declared.kinds_with_ttl:
        reason = "though the code stores it for a time"
        fix = "Look for a writer that does not go through the gateway's cache."
    return Drift("key without TTL", name, "high", f"{keys}, {reason}", fix)


def _unseen(declared: Declared, seen: Observed) -> list[Drift]:
    operations = [
        Drift(
            "operation never seen", name, "low", f"{name} is declared, and Redis holds no counter of it",
            "Nobody called it within a window, or its limit is not enforced.",
        )
        for name in sorted(declared.operations - seen.operations)
    ]  # fmt: skip
    kinds = [
        Drift(
            "kind never seen", name, "low", f"{name} is declared, and Redis holds no cache key of it",
            "Nobody read it lately, or it is never stored.",
        )
        for name in sorted(declared.kinds - seen.kinds)
    ]  # fmt: skip
    return [*operations, *kinds]


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


COUNTING = _of("incr incrby hincrby zcard zcount evalsha eval register_script fcall")
CACHE_READS = _of(
    "get fetch mget getex hget hgetall remember lookup read load cached wrap through memoize memo find "
    "peek compute resolve many or try entry serve "
)
CACHE_WRITES = _of("set setex psetex put store save write add mset hset setnx")
REMOVES = _of(
    "delete unlink remove pop evict clear purge drop expire discard flush bust forget touch bump reset "
    "del refresh invalidate stale popitem "
)
INVALIDATES = _of("invalidate invalidates invalidated invalidation evict evicts purge bust")
ANNOUNCES = _of("publish emit announce broadcast notify dispatch")
REDIS = _of("redis valkey keydb aioredis")
LIFETIMES = _of("ttl ex px expire expires_in ttl_seconds")
CACHES = _of("cache cached caches caching memo memcached aiocache memoize")
HTTP_ROOTS = _of("httpx aiohttp requests urllib3 urllib grpc httpcore")
UPSTREAMS = _of("engine upstream http client gateway api backend remote httpx proxy")
ASKS = HTTP_VERBS | _of("call fetch chat invoke ask forward proxy execute")
DB_ROOTS = _of("sqlalchemy asyncpg psycopg psycopg2 motor pymongo databases sqlmodel aiosqlite")
DB = _of("db session conn connection cursor pool database sql")
STORES = _of("crud repo repository repositories dao table model models")
DB_ASKS = _of("execute fetch fetchrow fetchval fetchone fetchall scalars scalar commit query exec fetch_all fetch_one ")
COLLECTORS = _of("metric metrics counter histogram gauge prom prometheus statsd meter telemetry")
MEASURES = _of(
    "inc dec observe labels time record increment timing histogram count set add track measure incr "
    "distribution gauge track_inprogress count_exceptions observe_request "
)
BUILTINS = _of("len str int dict list isinstance print set max min range float repr")
TRANSLATES = _of("errors error exceptions faults translated translate mapped")
PROVIDES = _of("get make provide create build new describe close reset setup init configure")
BENIGN = _of(
    "KeyError ValueError LookupError IndexError TypeError AttributeError JSONDecodeError ValidationError "
    "StopIteration UnicodeDecodeError "
)
VERDICT_METHODS = _of("is_allowed allow allowed test hit try_acquire is_limited exceeded")
LOGGERS = _of("log logger logging structlog loguru audit")
BREAKERS = _of("breaker circuit circuitbreaker pybreaker aiobreaker purgatory resilient")
INSTRUMENTS = _of("instrument instrumentator instrumented")
CHANNELS = _of("redis valkey coherence bus events event publisher cache channel invalidation")
FAILURES = _of("error errors exception exceptions")
OF_VALIDATION = _of("RequestValidationError HTTPException StarletteHTTPException ValidationError")
