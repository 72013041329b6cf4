"""Caching: expensive reads are stored for a time, under the tenant's own key, and invalidated by changes."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.drift import stays
from optimus_tui.patterns.facts.caches import is_one_tenants, keeps_answers, without_tenant
from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.facts.keys import MAKERS, is_shared_key, key_of, lacks_tenant, written_in
from optimus_tui.patterns.facts.model import Unit, is_caller
from optimus_tui.patterns.facts.own_work import work_of
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, is_tenant, words

_REDIS = frozenset({"redis", "valkey", "aioredis"})
_CACHE = frozenset({"cache", "cached", "caches"})
_READS = ("get", "set", "setex", "psetex", "getex", "fetch", "get_or_set", "delete", "put", "remember", "hget", "hset")
_READING = frozenset(
    {"get", "list", "read", "fetch", "search", "find", "query", "calculate", "compute", "estimate", "preview", "count",
     "compare", "check", "validate", "simulate", "analyze", "analyse", "lookup", "load", "export", "test"}
)  # fmt: skip
_OF_HASHES = ("hget", "hset")


def _reads(view: View) -> list[str]:
    """Return the file, where any of its reads calls an upstream or a database, or uses a cache."""
    reading = [route for route in view.served if route.reads]
    is_costly = any("upstream" in work_of(view, route) or "cache_read" in view.flags(route) for route in reading)
    if is_costly:
        return ["file"]
    return []


def _missing(view: View) -> Iterator[Hit]:
    reading = [route for route in view.served if route.reads]
    asking = [route for route in reading if "upstream" in work_of(view, route)]  # a query may want what is true now
    if asking and not any("cache_read" in view.flags(route) for route in reading):
        names = ", ".join(route.name for route in asking)
        first = asking[0].handler
        yield at_unit(first, f"Missing cache: no read looks one up before it asks ({names})")._replace(subject="file")


def _writes(view: View) -> list[str]:
    return [route.name for route in _changing(view)]


def _changing(view: View) -> list[Route]:
    """Return the routes that change what a cached read of the same collection answers."""
    kept = {_collection(route) for route in view.served if route.reads and keeps_answers(view, route)}
    return [route for route in view.served if _changes(route) and _collection(route) in kept]


def _collection(route: Route) -> str:
    """Return the path up to its first parameter: ``/products`` for ``/products/{product_id}``."""
    return route.path.partition("{")[0].rstrip("/")


def _changes(route: Route) -> bool:
    """Return whether a route changes what others read; a POST that only reads (get_…, calculate_…) does not."""
    if route.methods & {"put", "patch", "delete"}:
        return route.writes
    return route.writes and route.name.lower().lstrip("_").partition("_")[0] not in _READING


def _uninvalidated(view: View) -> Iterator[Hit]:
    for route in _changing(view):
        if "invalidates" not in view.flags(route):
            yield at_unit(route.handler, f"{route.name} changes what is cached, and invalidates nothing")


def _for_ever(view: View) -> Iterator[Hit]:
    if "set" not in view.methods:
        return
    for unit in view.own_units:
        for seen in view.calls(unit):
            node = seen.call.node
            if seen.method != "set" or not (seen.about & _REDIS) or not stays(seen, unit, view):
                continue
            key = written_in(key_of(node, unit), unit)
            if "cache" in key or words(unit.name) & _CACHE or words(unit.owner_name) & _CACHE or "cache" in seen.raw:
                yield at(node, "The answer is stored without an expiry: it stays until somebody deletes it")


def _decorated(view: View) -> Iterator[Hit]:
    """Yield hits of ``@cache(key_builder=…)`` and ``@cached(key="…")`` on handlers that serve a tenant."""
    handlers = {id(route.handler) for route in view.served}
    for unit in view.module.units:
        for one in unit.decorators:
            if (
                isinstance(one, ast.Call)
                and any(word.arg in MAKERS for word in one.keywords)
                and words(chain(one.func)) & _CACHE
            ):
                scope = unit.scope.parent or unit.scope
                serves = id(unit) in handlers or any(is_tenant(arg.arg) for arg, _ in unit.params)
                if serves and any(is_shared_key(word, scope, view.resolver) for word in one.keywords):
                    yield at(one, f"The cache key of {unit.name} holds no tenant: one is served another's answers")


def _in_dictionaries(view: View) -> Iterator[Hit]:
    """Yield hits of ``_product_cache[product_id] = …``: a cache of this process, shared by all its tenants."""
    for unit in view.own_units:
        for place, scope in unit.stored if unit.is_async else ():  # what is set up at import is no answer
            entry = ast.Call(place.value, [place.slice], [])
            if words(chain(place.value)) & _CACHE and lacks_tenant(entry, scope, unit):
                yield at(place, f"{chain(place.value)} keeps answers without the tenant: one is served another's")


def _shared(view: View) -> Iterator[Hit]:
    if not any("tenant" in view.flags(route) for route in view.served):
        return
    yield from _decorated(view)
    yield from _in_dictionaries(view)
    if view.methods.isdisjoint(_READS):
        return
    anonymous = without_tenant(view)
    for unit in view.own_units:
        for seen in view.calls(unit) if id(unit) not in anonymous else ():
            node = seen.call.node
            if seen.method not in _READS or not node.args or not (seen.about & (_REDIS | _CACHE)):
                continue
            if seen.raw.startswith("caches.") or is_one_tenants(view, seen):  # several by name, or its own one
                continue
            whole = node
            if seen.method in ("fetch", "remember", *_OF_HASHES):
                if seen.method in _OF_HASHES:
                    parts = node.args[:2]
                else:
                    parts = node.args
                whole = ast.Call(node.func, [ast.Tuple(parts, ast.Load())], [])
            text = ""
            if lacks_tenant(whole, seen.call.scope, unit):
                text = written_in(key_of(node, unit), unit)
            if seen.method in _OF_HASHES and "cache" not in text:
                continue  # a hash of something else
            if "{" not in text and "tenant" not in jobs_of(unit, view.resolver).flags and not _is_asked_by(unit):
                continue  # one answer for everybody, asked for by nobody in particular
            if text and not text.startswith(("rate_limit", "lock:", "config", "feature")):
                yield at(node, f"The key {text!r} holds no tenant: one tenant is served another's answers")


def _is_asked_by(unit: Unit) -> bool:
    """Return whether the unit is given its caller."""
    return any(is_caller(arg) for arg, _, _ in unit.given)


RULES = (
    Rule(
        "caching.missing", "caching", "basic", "medium", "Reads that are not cached",
        "Every read goes the whole way to the engine or the database, even for what was answered a second ago.",
        "Read through the cache: found = await cache.fetch(\"product\", tenant, product_id, load=…), with a TTL.",
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, engine: Engine) -> ProductPage:
    return await engine.request("GET", "/api/products", tenant)
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, engine: Engine, cache: Cache) -> ProductPage:
    return await cache.fetch("products", tenant, load=lambda: engine.request("GET", "/api/products", tenant))
''',
        _missing, _reads, profile="gateway", needs=("cache",), absence=True,
    ),
    Rule(
        "caching.no_invalidation", "caching", "basic", "high", "A write that leaves the cache as it was",
        "Readers get the old answer until its TTL runs out, even after their own change was confirmed.",
        "Invalidate after the write: await coherence.invalidate_by_event(…, tenant, kinds=(…)); it tells all.",
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str, tenant: Tenant, cache: Cache, repo: Repo) -> Product:
    return await cache.fetch("product", tenant, product_id, load=lambda: repo.get(product_id))


@router.put("/products/{product_id}")
async def update_product(product_id: str, change: Change, tenant: Tenant, repo: Repo) -> Product:
    return await repo.update(tenant, product_id, change)
''',
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str, tenant: Tenant, cache: Cache, repo: Repo) -> Product:
    return await cache.fetch("product", tenant, product_id, load=lambda: repo.get(product_id))


@router.put("/products/{product_id}")
async def update_product(product_id: str, change: Change, tenant: Tenant, repo: Repo, coherence: Coherence) -> Product:
    changed = await repo.update(tenant, product_id, change)
    await coherence.invalidate_by_event("resource_updated", tenant, kinds=("product",))
    return changed
''',
        _uninvalidated, _writes, profile="gateway", needs=("cache",),
    ),
    Rule(
        "caching.no_ttl", "caching", "basic", "high", "An answer cached for ever",
        "An answer that no invalidation reaches stays wrong for ever, and Redis fills up.",
        "Give the key a time to live: redis.set(key, value, ex=300).",
        '''
async def remember(redis: Redis, tenant: str, body: str) -> None:
    await redis.set(f"cache:products:{tenant}", body)
''',
        '''
async def remember(redis: Redis, tenant: str, body: str) -> None:
    await redis.set(f"cache:products:{tenant}", body, ex=300)
''',
        _for_ever, profile="gateway", needs=("cache",),
    ),
    Rule(
        "caching.key_without_tenant", "caching", "comprehensive", "high", "A cache key that tenants share",
        "The first tenant's answer is served to all others.",
        "Put the tenant into the key: cache:{kind}:{tenant}:{rest}.",
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str, tenant: Tenant, cache: Cache, repo: Repo) -> Product:
    found = await cache.get(f"cache:product:{product_id}")
    return found or await repo.get(tenant, product_id)
''',
        '''
@router.get("/products/{product_id}")
async def get_product(product_id: str, tenant: Tenant, cache: Cache, repo: Repo) -> Product:
    found = await cache.get(f"cache:product:{tenant}:{product_id}")
    return found or await repo.get(tenant, product_id)
''',
        _shared, profile="gateway", needs=("tenant",),
    ),
)  # fmt: skip
