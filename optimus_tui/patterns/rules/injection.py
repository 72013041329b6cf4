"""Dependency injection: clients are created once, at start-up, and passed on, so that tests can replace them."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Bound, Unit
from optimus_tui.patterns.facts.waits import is_seldom, runs_once
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, words

_ROOTS = frozenset(
    {
        "redis", "valkey", "aioredis", "httpx", "aiohttp", "requests", "motor", "pymongo", "asyncpg",
        "psycopg", "psycopg2", "sqlalchemy", "sqlmodel", "boto3", "aioboto3", "elasticsearch", "aiokafka",
        "grpc",
    }
)  # fmt: skip
_MAKERS = frozenset(
    {
        "Redis", "StrictRedis", "from_url", "AsyncClient", "Client", "ClientSession", "Session",
        "AsyncIOMotorClient", "MongoClient", "create_engine", "create_async_engine", "create_pool", "connect",
        "client", "resource", "RedisCluster", "AsyncElasticsearch", "Elasticsearch", "insecure_channel",
        "AIOKafkaProducer", "Valkey",
    }
)  # fmt: skip

_CREDENTIALS = frozenset({"token", "key", "secret", "password", "credential", "credentials", "auth"})
_HANDED = ("upstream", "db", "cache_read", "cache_write", "limits")


def makes_client(seen: Seen) -> bool:
    """Return True if a call opens a connection or a pool."""
    name = seen.dotted or ""
    if not name or name.partition(".")[0] not in _ROOTS:
        return False
    if name == "boto3.Session" or name.startswith(("sqlalchemy.orm.", "sqlmodel.Session")):
        return False  # credentials and a region; a session takes its connection from the engine's pool
    if "engine()" in name.rpartition(".")[0]:
        return False  # so does what is asked of an engine that is there: engine.connect()
    return (seen.raw.rpartition(".")[2] in _MAKERS or name.rpartition(".")[2] in _MAKERS) and not name.endswith("()")


def _subjects(view: View) -> list[str]:
    """Return the file, where its routes use anything that should be injected."""
    if any(not view.flags(route).isdisjoint(_HANDED) for route in view.served):
        return ["file"]
    takes = any(
        view.way.dependencies(arg, default, scope)
        for route in view.served
        for arg, default, scope in route.handler.given
    )
    if takes:
        return ["file"]
    return []


def _global(view: View) -> Iterator[Hit]:
    if view.roots.isdisjoint(_ROOTS):
        return
    for seen in view.calls(view.module.unit):
        if makes_client(seen) and seen.call.scope.kind == "module":
            name = _kept_as(view, seen.call.node)
            if name and any(name in unit.loads for unit in view.module.units):
                yield at(
                    seen.call.node,
                    f"{name} is made at import: no test can replace it, no start-up can fail on it",
                    "file",
                )


def _kept_as(view: View, node: ast.Call) -> str:
    todo: list[ast.stmt] = list(view.module.tree.body)
    while todo:
        one = todo.pop()
        if isinstance(one, (ast.If, ast.Try, ast.With)):  # made where the settings are there, or it can be reached
            todo += [*one.body, *getattr(one, "orelse", [])]
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and one.value is not None and _holds(one.value, node):
            if isinstance(one, ast.Assign):
                target = one.targets[0]
            else:
                target = one.target
            return chain(target)
    return ""


def _holds(value: ast.expr, node: ast.Call) -> bool:
    return value is node or (isinstance(value, ast.Await) and value.value is node)


def _each_time(view: View) -> Iterator[Hit]:
    yield from _elsewhere(view)
    if view.roots.isdisjoint(_ROOTS):
        return
    called: dict[int, Unit] = {}
    for route in view.served:
        called[id(route.handler)] = route.handler
        for seen in view.calls(route.handler):
            if isinstance(seen.thing, Unit) and seen.thing.module is view.module and not _yields(seen.thing):
                called[id(seen.thing)] = seen.thing
    for unit in called.values():
        if unit.name == "__init__":
            continue
        for seen in view.calls(unit):
            if _opens_each_time(seen, unit):
                yield at(seen.call.node, f"{seen.raw}() opens new connections for every request", "file")


def _elsewhere(view: View) -> Iterator[Hit]:
    """Yield hits of handlers that call a function of another file which opens a connection whenever it is called."""
    for route in view.served:
        for seen in view.calls(route.handler):
            unit = seen.thing
            if not isinstance(unit, Unit) or unit.module is view.module or unit.name == "__init__" or _yields(unit):
                continue
            made = next((one for one in view.calls(unit) if _opens_each_time(one, unit)), None)
            if made is not None and not runs_once(unit):
                yield at(seen.call.node, f"{seen.raw}() opens new connections for every request: {made.raw}()", "file")


def _opens_each_time(seen: Seen, unit: Unit) -> bool:
    if not makes_client(seen) or seen.call.scope is not unit.scope or _is_the_callers(seen, unit):
        return False
    return not is_seldom(seen.call.node, unit.scope) and not _is_kept(seen.call.node, unit)


def _is_kept(node: ast.Call, unit: Unit) -> bool:
    """Return whether a client outlives the function that makes it: an attribute, an entry, a name of the module."""
    for one in ast.walk(unit.node):
        if isinstance(one, (ast.Global, ast.Nonlocal)):
            return True
        if isinstance(one, ast.Assign) and any(each is node for each in ast.walk(one.value)):
            return any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in one.targets)
    return False


def _is_the_callers(seen: Seen, unit: Unit) -> bool:
    """Return whether the client is made for one caller: with the caller's credentials, or from a session of these."""
    node = seen.call.node
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        made = unit.scope.bindings.get(node.func.value.id)
        if isinstance(made, Bound) and isinstance(made.value, ast.Call):
            return True  # its session was judged
    given = [*node.args, *(word.value for word in node.keywords)]
    named = {one.id for each in given for one in ast.walk(each) if isinstance(one, ast.Name)}
    if any(arg.arg in named and words(arg.arg) & _CREDENTIALS for arg, _ in unit.params):
        return True
    asked = {arg.arg for arg, default in unit.params if default is None}
    return any(
        isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in asked
        for each in given
        for one in ast.walk(each)
    )


def _yields(unit: Unit) -> bool:
    return "yielded" in unit.memo


RULES = (
    Rule(
        "injection.global_client", "dependency_injection", "basic", "medium", "A client made at import",
        "It is made before the settings are read, shared by all tests, and never closed.",
        "Make it in the app's lifespan, and take it with Depends.",
        '''
import redis.asyncio as redis

store = redis.Redis(host="localhost")


@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant) -> list[str]:
    return await store.lrange(f"products:{tenant}", 0, 50)
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, store: RedisCache) -> list[str]:
    return await store.lrange(f"products:{tenant}", 0, 50)
''',
        _global, _subjects,
    ),
    Rule(
        "injection.client_per_request", "dependency_injection", "basic", "medium", "A client made for every request",
        "Each request pays for new connections and a TLS handshake, and none of them is reused.",
        "Make one client in the app's lifespan, and take it with Depends.",
        '''
import httpx


@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant) -> dict:
    async with httpx.AsyncClient(timeout=2) as client:
        return (await client.get(engine_url(), headers={"X-Tenant-ID": tenant})).json()
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, http: HttpClient) -> dict:
    return (await http.get(engine_url(), headers={"X-Tenant-ID": tenant})).json()
''',
        _each_time, _subjects,
    ),
)  # fmt: skip
