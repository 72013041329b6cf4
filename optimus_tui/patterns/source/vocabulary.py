"""Names split into words, and the words that identify a job where its definition is not in the tree.

Each further word accepts more names.
"""

import ast
import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LIMITER = re.compile(r"rate_?limit|limiter|throttl|quota|token_?bucket|leaky_?bucket|sliding_?window", re.IGNORECASE)


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIMIT_VERBS = _of("require enforce check apply within guard limited count per by requests")
TENANT_WORDS = _of("tenant tenants tenancy organisation organization org workspace tid xtenant")
READS = _of("get list read fetch search find show browse index")
SECRET_WORDS = _of("password passwd pwd passphrase secret secrets apikey credential credentials dsn")
_NO_SECRETS = _of("hash hashed length policy reset changed expired expires has is")
_TOKENS = _of("token authorization jwt bearer cookie cookies")
_NO_TOKENS = _of(
    "count counts used usage max limit total bucket id hash type expired expires prompt completion valid has is len "
    "length budget tokens page next"
)
HTTP_VERBS = _of("get post put patch delete head options request send stream")
LOG_METHODS = _of("debug info warning warn error exception critical log msg adebug ainfo awarning aerror success trace")
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


@lru_cache(maxsize=20_000)
def words(name: str) -> frozenset[str]:
    """Return the words of a name: ``EnterpriseRateLimiter.check_now`` gives enterprise, rate, limiter, check, now."""
    return frozenset(one.lower() for one in _WORD.findall(name))


def chain(node: ast.AST | None) -> str:
    """Return ``self.cache.get`` as text, without calls and subscripts in between; empty where there is no name."""
    if node.__class__ is ast.Name:
        return node.id
    if node.__class__ is ast.Attribute and node.value.__class__ is ast.Name:
        return f"{node.value.id}.{node.attr}"
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, (ast.Subscript, ast.Await)):
            node = node.value
        else:
            break
    return ".".join(reversed(parts))


@lru_cache(maxsize=20_000)
def first_argument(call: ast.Call) -> ast.expr | None:
    """Return the first positional argument of a call, or None."""
    return next(iter(call.args), None)


def first_type(node: ast.Subscript) -> ast.expr:
    """Return the first of the types in brackets: ``str`` for ``Annotated[str, Header()]``."""
    if isinstance(node.slice, ast.Tuple) and node.slice.elts:
        return node.slice.elts[0]
    return node.slice


def is_limiter(name: str) -> bool:
    """Return whether only a rate limiter has such a name."""
    if _LIMITER.search(name):
        return True
    last = words(name.rpartition(".")[2])
    return ("limited" in last) or (
        bool(last & {"limit", "limits"}) and bool(last & _LIMIT_VERBS) and "page" not in last
    )


@lru_cache(maxsize=20_000)
def is_tenant(name: str) -> bool:
    """Return whether the name is, or belongs to, a tenant."""
    return not words(name).isdisjoint(TENANT_WORDS)


@lru_cache(maxsize=20_000)
def is_secret(name: str) -> bool:
    """Return whether the name is that of a secret, which must not be logged; ``token_count`` is none."""
    found = words(name)
    if found & SECRET_WORDS or {"api", "key"} <= found or {"private", "key"} <= found:
        return not found & _NO_SECRETS
    return bool(found & _TOKENS) and not found & _NO_TOKENS


def text_of(node: ast.AST | None) -> str | None:
    """Return the text of a constant string, the constant parts of an f-string, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else "{}" for one in node.values]
        return "".join(str(one) for one in parts)
    return None
