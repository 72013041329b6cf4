"""The words that identify a job where its definition is not in the tree. Each further word accepts more names."""

from optimus_tui.patterns.source.names import HTTP_VERBS


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
