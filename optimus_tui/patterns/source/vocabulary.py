"""Names split into words, and the words that identify a job where its definition is not in the tree.

Each word added here makes more names count.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LIMITER = re.compile(r"rate_?limit|limiter|throttl|quota|token_?bucket|leaky_?bucket|sliding_?window", re.IGNORECASE)


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIMITS_METHODS = _of("require enforce check apply guard")
_LIMIT_VERBS = _of("require enforce check apply within guard limited count per by requests")
_SHOWS = _of("cache cached usable usage used get fetch list show read parse load refresh update info status sync store")
TENANT_WORDS = _of("tenant tenants tenancy organisation organization org workspace tid xtenant")
_PROVIDERS = _of("openai anthropic azure github gitlab huggingface sentry")
READS = _of("get list read fetch search find show browse index")
SECRET_WORDS = _of("password passwd pwd passphrase secret secrets apikey credential credentials creds dsn")
_ABOUT_SECRETS = _of(
    "id ids uuid guid name names title label labels type types kind status state count counts total number num index "
    "size len length hash hashed fingerprint digest prefix suffix format version policy provider issuer source url uri "
    "endpoint path file field fields keys scope scopes rule rules reset changed rotated expired expires expiry ttl "
    "created updated deleted revoked found missing present exists enabled disabled required optional valid invalid "
    "has is use uses with without needs should can allow allowed error errors event message store manager service "
    "repository table column limit usage used max budget"
)
"""With one of these words a name says something of a secret: which one it is, how many there are, whether it holds."""
_TOKENS = _of("token authorization jwt bearer cookie cookies")
_NO_TOKENS = _ABOUT_SECRETS | _of(
    "bucket prompt completion input output tokens page next stop cached special pad eos bos start end per cost"
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
UPSTREAM_ROOTS = HTTP_ROOTS | _of(
    "stripe twilio openai anthropic boto3 botocore elasticsearch redis sqlalchemy grpc builtins"
)
"""Packages whose errors are those of another service."""
UPSTREAMS = _of("engine upstream http client gateway api backend remote httpx proxy")
ASKS = HTTP_VERBS | _of("call fetch chat invoke ask forward proxy execute")
LOCAL_ROOTS = _of("contextvars collections dataclasses docker threading asyncio queue pathlib os enum types typing")
"""Packages whose objects are asked without leaving this machine, whatever their names suggest."""
DB_ROOTS = _of(
    "sqlalchemy asyncpg psycopg psycopg2 motor pymongo databases sqlmodel aiosqlite django tortoise beanie peewee ormar"
)
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
JUDGES = _of(
    "allow allows allowed check checks hit acquire consume test try exceeded limited is may can permit permitted "
    "should take accept admit"
)
"""Words of a limiter's method that says whether a request may pass."""
LOGGERS = _of("log logger logging structlog loguru audit")
BREAKERS = _of("breaker circuit circuitbreaker pybreaker aiobreaker purgatory resilient")
INSTRUMENTS = _of("instrument instrumentator instrumented")
CHANNELS = _of("redis valkey coherence bus events event publisher cache channel invalidation")
FAILURES = _of("error errors exception exceptions")
OF_VALIDATION = _of("RequestValidationError HTTPException StarletteHTTPException ValidationError")


_TRAILS = _of("audit audits audited")
_RECORDS = _of("record log write add create save track event")
_NO_LINE = _of("in out on off level levels file files config dir path")
_NO_TRAIL = _NO_LINE | _of("response schema query filter page router service repository manager count delete clear")
"""With one of these words a name is about signing in, about where logs are, or about showing them."""


MEANINGS = {"tenant": "tenant", "limiter": "limiter", "cache": "cache", "logger": "logger", "metrics": "metric"}
"""What a project's own words may mean, and the word above that each of them then counts as."""
_OWN_WORDS: list[tuple[frozenset[str], str]] = []


@contextmanager
def own_words(given: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Within the block, add a project's own words: ``{"tenant": ["club"]}`` makes ``club_id`` a tenant.

    They hold for the whole process, so only one project can be judged at a time.
    """
    added = [(_split(one), MEANINGS[meaning]) for meaning, names in given.items() for one in names]
    _OWN_WORDS.extend(added)
    _forget_names(added)
    try:
        yield
    finally:
        _OWN_WORDS.clear()
        _forget_names(added)


def _forget_names(added: Sequence[object]) -> None:
    if added:
        for known in (words, is_tenant, is_secret):
            known.cache_clear()


@lru_cache(maxsize=20_000)
def words(name: str) -> frozenset[str]:
    """Return the words of a name: ``EnterpriseRateLimiter.check_now`` gives enterprise, rate, limiter, check, now."""
    found = _split(name)
    if _OWN_WORDS:
        found |= {meaning for own, meaning in _OWN_WORDS if own <= found}
    return found


def _split(name: str) -> frozenset[str]:
    return frozenset(one.lower() for one in _WORD.findall(name))


_ANSWER = frozenset(
    {"json", "get", "post", "put", "patch", "request", "send", "loads", "load", "hget", "hgetall", "mget", "getex",
     "fetch", "fetchrow", "fetchone", "pop", "read", "getenv", "model_dump"}
)  # fmt: skip
"""Methods that answer data: what is called on the data does not ask again."""
OF_ANSWER = re.compile(rf"(?<!caches)(?<!clients)(?<!pools)(?<!registry)\.({'|'.join(sorted(_ANSWER))})\(\)\.")
"""…of anything but a collection of clients: ``caches.get("default")``."""


def unawaited(node: ast.expr | None) -> ast.expr | None:
    """Return what an ``await`` waits for; any other expression, and None, as it is."""
    if isinstance(node, ast.Await):
        return node.value
    return node


def returned_value(node: ast.AST | None) -> ast.expr | None:
    """Return the value of a ``return``; None for one without a value and for everything else."""
    if isinstance(node, ast.Return):
        return node.value
    return None


def option_of(node: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument, or None."""
    return next((word.value for word in node.keywords if word.arg == name), None)


def argument(node: ast.Call, at: int, name: str) -> ast.expr | None:
    """Return an argument that may be given by its place or by its name; None where it is given by neither."""
    if at < len(node.args):
        return node.args[at]
    return option_of(node, name)


def subscript_parts(node: ast.Subscript) -> list[ast.expr]:
    """Return the parts of a subscript: two for ``dict[str, int]``, one for ``list[int]``."""
    if isinstance(node.slice, ast.Tuple):
        return node.slice.elts
    return [node.slice]


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


def names_limiter(name: str) -> bool:
    """Return whether a word of the name means a rate limiter and nothing else.

    A quota may be what somebody has left at a provider: it limits only where the name also says that.
    """
    spoken = words(name)
    found = {one.lower() for one in _LIMITER.findall(name)}
    if found == {"quota"} and spoken & _SHOWS:
        return False
    return bool(found) or "limiter" in spoken


def is_limiter(name: str) -> bool:
    """Return whether only a rate limiter has such a name."""
    if names_limiter(name):
        return True
    owner, _, method = name.rpartition(".")
    last = words(method)
    if "limited" in last or (last & {"limit", "limits"} and last & _LIMIT_VERBS and "page" not in last):
        return True
    return words(owner.rpartition(".")[2]) == {"limits"} and bool(last & _LIMITS_METHODS)


@lru_cache(maxsize=20_000)
def is_tenant(name: str) -> bool:
    """Return whether the name is, or belongs to, a tenant; ``openai_organization_id`` is our account at a provider."""
    found = words(name)
    return not found.isdisjoint(TENANT_WORDS) and found.isdisjoint(_PROVIDERS)


@lru_cache(maxsize=20_000)
def is_secret(name: str) -> bool:
    """Return whether the name is that of a secret, which must not be logged; ``token_count`` is not."""
    found = words(name)
    if found & SECRET_WORDS or {"api", "key"} <= found or {"private", "key"} <= found:
        return not found & _ABOUT_SECRETS
    return bool(found & _TOKENS) and not found & _NO_TOKENS


def keeps_a_trail(method: str, about: frozenset[str]) -> bool:
    """Return whether a call records what was done: ``log_action(…)``, ``AuditLog(…)``, ``audit_service.record(…)``."""
    parts = _WORD.findall(method)
    spoken = frozenset(one.lower() for one in parts)
    if len(parts) > 1 and parts[0] == "log":
        return spoken.isdisjoint(_NO_LINE)
    if not spoken.isdisjoint(_NO_TRAIL | READS) or (about | spoken).isdisjoint(_TRAILS):
        return False
    return not spoken.isdisjoint(_TRAILS) or not spoken.isdisjoint(_RECORDS)


def text_of(node: ast.AST | None) -> str | None:
    """Return the text of a constant string, the constant parts of an f-string, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [one.value if isinstance(one, ast.Constant) else "{}" for one in node.values]
        return "".join(str(one) for one in parts)
    return None
