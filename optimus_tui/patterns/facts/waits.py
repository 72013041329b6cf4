"""Which calls wait without yielding to the event loop: by themselves, or in the functions that they call."""

import ast
from collections.abc import Callable
from typing import Literal, NamedTuple

from optimus_tui.patterns.facts.model import IN_EXCEPT, Class, Function, Module, Scope, Unit
from optimus_tui.patterns.source.functions import answers_requests
from optimus_tui.patterns.source.implementations import implementations
from optimus_tui.patterns.source.resolve import InstanceOf, Resolver, Seen, Thing, seen_calls
from optimus_tui.patterns.source.vocabulary import chain, words
from optimus_tui.syntax import walk

Kind = Literal["", "file", "network", "session"]
"""What is waited for: a file of this machine, the network or a time, the database of an ORM."""

_FILES = frozenset(
    {"shutil.copyfileobj", "shutil.rmtree", "pathlib.Path.read_text", "pathlib.Path.read_bytes",
     "pathlib.Path.write_text", "pathlib.Path.write_bytes", "pathlib.Path.open", "boto3.client", "boto3.resource",
     "sqlite3.connect", "tempfile.NamedTemporaryFile", "tempfile.TemporaryFile"}
)  # fmt: skip
_EXACT = frozenset(
    {"time.sleep", "os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_output",
     "subprocess.check_call", "subprocess.getoutput", "subprocess.getstatusoutput", "urllib.request.urlopen",
     "urllib.request.urlretrieve", "socket.create_connection", "socket.gethostbyname", "socket.getaddrinfo",
     "psycopg2.connect", "psycopg.connect", "pymysql.connect", "mysql.connector.connect", "smtplib.SMTP",
     "smtplib.SMTP_SSL", "httpx.get", "httpx.post", "httpx.put", "httpx.patch", "httpx.delete", "httpx.request",
     "httpx.stream", "dns.resolver.resolve", "dns.resolver.query", "langchain_neo4j.Neo4jGraph",
     "langchain_community.graphs.Neo4jGraph", "langchain_community.graphs.neo4j_graph.Neo4jGraph", "pandas.read_excel",
     "os.walk", "pandas.read_csv", "pandas.read_sql", "pandas.read_parquet", "openpyxl.load_workbook"}
)  # fmt: skip
_ROOTS = frozenset({"requests", "urllib3", "pymongo", "psycopg2", "sqlite3", "MySQLdb", "pymysql", "smtplib", "boto3"})
_CLIENTS = (
    "redis.Redis.", "redis.StrictRedis.", "redis.client.Redis.", "redis.from_url().", "redis.Redis.from_url().",
    "valkey.Valkey.", "httpx.Client.", "requests.Session.", "openai.OpenAI.", "openai.AzureOpenAI.",
    "anthropic.Anthropic.", "docker.from_env().", "docker.DockerClient.", "elasticsearch.Elasticsearch.",
    "minio.Minio.", "twilio.rest.Client.", "python_on_whales.DockerClient.", "python_on_whales.docker.",
    "dramatiq.brokers.redis.RedisBroker.client.", "mlflow.MlflowClient.", "mlflow.tracking.MlflowClient.",
    "s3fs.S3FileSystem.",
)  # fmt: skip
_SESSIONS = (
    "sqlalchemy.orm.Session.", "sqlalchemy.orm.session.Session.", "sqlmodel.Session.", "sqlalchemy.orm.scoped_session.",
    "sqlalchemy.orm.scoped_session().", "sqlalchemy.orm.scoped_session()().", "sqlalchemy.orm.sessionmaker()().",
    "sqlalchemy.orm.session.sessionmaker()().", "sqlalchemy.orm.sessionmaker().begin().",
    "fastapi_sqlalchemy.db.session.",
)  # fmt: skip
_ASKS_SESSION = frozenset(
    {"execute", "scalar", "scalars", "query", "get", "get_one", "commit", "flush", "refresh", "rollback", "merge",
     "exec", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"}
)  # fmt: skip
_STRIPE = frozenset(
    {"retrieve", "list", "create", "modify", "search", "delete", "cancel", "update", "confirm", "capture"}
)
_OF_SUPABASE = frozenset(
    {"execute", "get_bucket", "list_buckets", "upload", "download", "list", "remove", "move", "create_signed_url",
     "create_signed_urls", "create_signed_upload_url", "sign_in_with_password", "sign_up", "get_user", "invoke"}
)  # fmt: skip
_OF_PEEWEE = frozenset(
    {"get", "get_or_none", "get_or_create", "get_by_id", "create", "save", "delete_instance", "delete_by_id",
     "insert_many", "execute", "count", "exists", "first", "iterator"}
)  # fmt: skip
_OF_CLIENTS = frozenset(
    {"get", "list", "create", "delete", "update", "search", "query", "execute", "upload", "download", "send", "put",
     "post", "patch", "upsert", "fetch", "insert", "scroll", "count", "describe", "invoke", "usage", "authenticate",
     "generate", "publish"}
)  # fmt: skip
"""First words of what a client asks its service for."""
_SOME_METHODS: tuple[tuple[str, Kind, frozenset[str]], ...] = (
    *((one, "session", _ASKS_SESSION) for one in _SESSIONS),
    *(
        (f"{one}create_engine().", "session", frozenset({"connect", "begin", "execute", "raw_connection"}))
        for one in ("sqlalchemy.", "sqlalchemy.engine.", "sqlmodel.")
    ),
    *(
        (f"http.client.{one}.", "network", frozenset({"connect", "request", "getresponse"}))
        for one in ("HTTPConnection", "HTTPSConnection")
    ),
    *((f"openai.{one}.", "network", frozenset({"create"})) for one in ("Embedding", "ChatCompletion", "Completion")),
    ("openai.embeddings.", "network", frozenset({"create"})),
    ("openai.chat.", "network", frozenset({"create"})),
    ("celery.Celery.", "network", frozenset({"send_task", "revoke", "ping", "terminate", "broadcast"})),
    ("celery.Celery.control.inspect().", "network", frozenset({"active", "ping", "registered", "reserved", "stats"})),
    ("paramiko.SSHClient.", "network", frozenset({"connect", "exec_command", "open_sftp", "invoke_shell"})),
    ("stripe.", "network", _STRIPE),
    ("keycloak.KeycloakOpenID.", "network", frozenset({"token", "userinfo", "introspect", "logout", "refresh_token"})),
    *((f"supabase.{one}.", "network", _OF_SUPABASE) for one in ("create_client()", "Client", "client.Client")),
    *(("peewee.Model.", "session", _OF_PEEWEE), ("peewee.Database.", "session", frozenset({"connect", "execute_sql"}))),
    *((f"neo4j.GraphDatabase.driver(){one}.", "network", frozenset({"run", "execute_query", "verify_connectivity"}))
      for one in ("", ".session()", ".session().begin_transaction()")),
    *((f"{one}.Neo4jGraph.", "network", frozenset({"query", "refresh_schema", "add_graph_documents"}))
      for one in ("langchain_neo4j", "langchain_community.graphs", "langchain_community.graphs.neo4j_graph")),
)  # fmt: skip
"""Of these only the named methods wait: the others build something, or answer from memory."""
_ALL_PREFIXES = tuple({one for one, _, _ in _SOME_METHODS})
_ONLY_MADE = frozenset({"client", "clients", "handle", "handles", "stub", "channel", "session", "ref", "reference"})
_SESSION_NAMES = frozenset({"session", "db", "db_session", "dbsession", "sess", "_session", "_db"})
_CURSOR_NAMES = frozenset({"cur", "cursor", "_cursor"})
_OF_CURSORS = frozenset({"execute", "executemany", "fetchall", "fetchone", "fetchmany"})
_OF_UNTYPED = frozenset({"query", "execute", "scalar", "scalars", "commit", "flush", "refresh"})
_OF_LANGCHAIN = frozenset(
    {"embed_query", "embed_documents", "similarity_search", "similarity_search_with_score",
     "similarity_search_by_vector", "similarity_search_with_score_by_vector", "similarity_search_with_relevance_scores"}
)  # fmt: skip
"""Only the library's synchronous methods are called so: those for async code begin with an ``a``."""
_NO_SERVICE = frozenset({"fastapi", "starlette", "asyncio", "mcp", "fastmcp", "httpx", "requests"})
"""Packages whose clients are for async code, test something, or are known by more than their name."""
_NOT_CALLS = frozenset(
    {"exceptions", "HTTPError", "Timeout", "RequestException", "ConnectionError", "codes", "cursor", "close",
     "generate_presigned_url", "generate_presigned_post"}
)  # fmt: skip
_AFTER_THE_ANSWER = frozenset({"json", "raise_for_status"})
"""Methods of a response whose body was already read."""
_OF_ANSWERS = frozenset({"stream", "release_conn"})
"""Methods of what a client answered: a stream is read later, by a thread of the framework."""
_AWAITS_ITS_OWN = frozenset({"gather", "wait_for", "shield"})
_MOST_DEEP = 4
_DONE = frozenset(
    {"cache", "cached", "memo", "exists", "running", "started", "initialized", "initialised", "loaded", "connected"}
)  # fmt: skip
"""Words of a test after which a function returns at once: it has done its work before."""


class Wait(NamedTuple):
    """A call that waits: what for, and the name as written."""

    kind: Kind
    raw: str


_NONE = Wait("", "")
Clients = frozenset[tuple[str, str]]
"""Parameters that are given a client: the name, and the full name of the client's type."""


def waits_for(seen: Seen) -> Kind:
    """Return what the call itself waits for without yielding; "" if it does not, or is not known to."""
    if not seen.dotted:
        return _by_idiom(seen)
    return "" if seen.visible else _of_name(seen.dotted, seen)


def _of_name(name: str, seen: Seen) -> Kind:
    """Return what a call of something outside of the tree waits for, by its full name."""
    last = name.rpartition(".")[2]
    if name in _FILES or (name.startswith("boto3.") and last in ("client", "resource")):
        return "file"  # a client is made of descriptions on the disk, and asks nobody
    if name.startswith(_ALL_PREFIXES):
        return next((kind for one, kind, asks in _SOME_METHODS if name.startswith(one) and last in asks), "")
    if name.startswith(("requests.", "httpx.")) and last in _AFTER_THE_ANSWER:
        return ""
    if name.startswith(_CLIENTS) and "Async" not in name:
        of_answer = "()" in name.rpartition(".")[0] and last in _OF_ANSWERS
        return "" if last == "close" or of_answer else "network"
    if name in _EXACT or last in _OF_LANGCHAIN or (last == "cpu_percent" and _measures_for_a_time(seen)):
        return "network"
    if _is_of_a_client(seen):
        return "network"
    root, _, rest = name.partition(".")
    if root not in _ROOTS or not rest or "async" in rest.lower() or last[:1].isupper():
        return ""
    if _NOT_CALLS.isdisjoint(rest.split(".")):
        return "network"
    return ""


def _measures_for_a_time(seen: Seen) -> bool:
    """Return whether ``psutil.cpu_percent(interval=0.1)`` waits for what it measures."""
    node = seen.call.node
    given = next((word.value for word in node.keywords if word.arg == "interval"), None) or next(iter(node.args), None)
    return seen.dotted.startswith("psutil.") and bool(getattr(given, "value", given))


def _is_of_a_client(seen: Seen) -> bool:
    """Return whether a synchronous function asks a client's service: what it gets there is not awaited by anybody.

    A client is known by the name of its class, whose package is not in the tree; ``get_blob_client()`` only makes one.
    """
    if seen.call.scope.kind != "function" or "async" in seen.dotted.lower() or ".aio." in seen.dotted:
        return False
    owner, _, method = seen.dotted.rpartition(".")
    kinds = [one for one in owner.split(".") if one.endswith("Client")]
    if not kinds or "." not in owner or owner.split(".")[0] in _NO_SERVICE or "()" in owner.partition(kinds[0])[2]:
        return False
    return method.partition("_")[0] in _OF_CLIENTS and words(method).isdisjoint(_ONLY_MADE)


def _by_idiom(seen: Seen) -> Kind:
    """Return what a call waits for whose object has no known type: by what only synchronous code writes."""
    if seen.thing is not None:
        return ""
    owner, _, method = seen.raw.rpartition(".")
    if seen.raw in ("input", "open") or (owner and method in ("read_text", "read_bytes", "write_text", "write_bytes")):
        return "file"
    if method in _OF_LANGCHAIN:
        return "network"
    name = owner.rpartition(".")[2]
    if name in _CURSOR_NAMES and seen.call.scope.kind == "function":
        if method in _OF_CURSORS:
            return "session"
        return ""
    if name not in _SESSION_NAMES:
        return ""
    if seen.call.scope.kind == "function":
        return "session" if method in _OF_UNTYPED else ""
    given = chain(next(iter(seen.call.node.args), None)).rpartition(".")[2]
    return "session" if method == "query" and given[:1].isupper() else ""  # AsyncSession has none


def awaited_in(unit: Unit) -> frozenset[int]:
    """Return the ids of the calls that are awaited, or entered by ``async with`` and ``async for``: none blocks."""
    known: frozenset[int] | None = unit.memo.get("awaited")
    if known is None:
        found: set[int] = set()
        for node in walk(unit.node) if unit.name else ():
            if isinstance(node, ast.Await):
                found.add(id(node.value))
                found.update(id(one) for one in _gathered(node.value))
            elif isinstance(node, ast.AsyncWith):
                found.update(id(item.context_expr) for item in node.items)
            elif isinstance(node, (ast.AsyncFor, ast.comprehension)):
                found.add(id(node.iter))
        known = unit.memo["awaited"] = frozenset(found)
    return known


def _gathered(node: ast.expr) -> list[ast.expr]:
    """Return the coroutines that are awaited together, or by another: ``await asyncio.gather(one(), two())``."""
    if not isinstance(node, ast.Call) or chain(node.func).rpartition(".")[2] not in _AWAITS_ITS_OWN:
        return []
    given = [one.value if isinstance(one, ast.Starred) else one for one in node.args]
    return [one.elt if isinstance(one, (ast.ListComp, ast.GeneratorExp)) else one for one in given]


def called_scope(seen: Seen) -> tuple[Unit, Scope] | None:
    """Return the code that runs when a function of the project is called: its unit, and its scope or a scope within."""
    node, thing = seen.call.node, seen.thing
    if isinstance(node.func, ast.Name):
        bound = seen.call.scope.lookup(node.func.id)
        if isinstance(bound, Scope):
            if bound.kind == "function":
                return (bound.unit, bound)
            return None
    if isinstance(thing, Class):
        thing = thing.methods.get("__init__")
    if not isinstance(thing, Unit) or thing.is_async or thing.scope.kind != "function":
        return None
    return thing, thing.scope


def awaited_scope(seen: Seen, near: Module | None = None) -> tuple[Unit, Scope] | None:
    """Return the code that runs when a coroutine of another file is awaited; None if that file has its own findings."""
    thing = seen.thing
    if not isinstance(thing, Unit) or not thing.is_async or thing.scope.kind != "async":
        return None
    if thing.module is near or has_routes(thing.module):
        return None
    return thing, thing.scope


def has_routes(module: Module) -> bool:
    """Return whether a file has routes, and so findings of its own."""
    known: bool | None = module.unit.memo.get("has_routes")
    if known is None:
        known = module.unit.memo["has_routes"] = any(
            answers_requests(unit.node) for unit in module.units if isinstance(unit.node, Function)
        )
    return known


def wait_inside(place: tuple[Unit, Scope], resolver: Resolver, depth: int = 0, clients: Clients = frozenset()) -> Wait:
    """Return what a function waits for whenever it is called, itself or in the functions that it calls.

    Reading files counts in coroutines only, as it does in those of a file with routes. What happens only once, on a
    cache miss, after a failure or for an option that is off does not. ``clients`` are the parameters that are given
    a synchronous session or client: they need no type of their own.
    """
    unit, scope = place
    kept: dict[tuple[int, int, Clients], Wait] = unit.memo.setdefault("waits", {})
    key = (id(scope), depth, clients)
    if key not in kept:
        kept[key] = _NONE  # a function that calls itself
        generates = any(place is scope for _, place in unit.memo.get("yielded", ()))
        if not generates and not runs_once(unit):
            kept[key] = _find_wait(unit, scope, resolver, depth, clients)
            if not kept[key].kind:
                stands = [one for one in implementations(unit, resolver.project) if one.is_async == unit.is_async]
                inner = [wait_inside((one, one.scope), resolver, depth + 1, clients) for one in stands]
                kept[key] = inner[0] if inner and all(one.kind for one in inner) else _NONE
    return kept[key]


def blocks(of: str) -> bool:
    """Return True if this is the full name of the type of a synchronous session or client."""
    return f"{of}." in (*_SESSIONS, *_CLIENTS)


def clients_given(
    seen: Seen,
    unit: Unit,
    resolver: Resolver,
    known: Clients = frozenset(),
    is_client: Callable[[str], bool] = blocks,
) -> Clients:
    """Return the parameters of a function for which a call passes a client, with the full name of its type.

    Args:
        seen: The call.
        unit: The function.
        resolver: Resolves the names where the call is.
        known: Parameters of the calling function that are clients, with their types.
        is_client: Returns whether a type is one of the clients that are looked for.
    """
    node = seen.call.node
    names = [arg.arg for arg, _ in unit.params if arg.arg not in ("self", "cls")]
    given = [*zip(names, node.args, strict=False), *((word.arg, word.value) for word in node.keywords if word.arg)]
    plain = {arg.arg for arg, _ in unit.params if chain(arg.annotation) in ("dict", "list", "str", "int", "bool")}
    pairs = (
        (name, dict(known).get(one.id) or _type_of(resolver.what(one, seen.call.scope), is_client))
        for name, one in given
        if isinstance(one, ast.Name) and name not in plain
    )
    return frozenset((name, of) for name, of in pairs if of)


def _type_of(thing: Thing, is_client: Callable[[str], bool]) -> str:
    """Return the full name of the type of a client; "" for anything else."""
    of = thing.of if isinstance(thing, InstanceOf) else getattr(thing, "dotted", "")
    if isinstance(of, str) and is_client(of):
        return of
    return ""


def runs_once(unit: Unit) -> bool:
    """Return True if a function's result is kept and computed only once: it has no arguments, or a cache of its own."""
    kept = [one for one in unit.decorators if words(chain(one)) & _DONE]
    if any(chain(one).rpartition(".")[2] not in ("lru_cache", "cache") for one in kept):
        return True
    return bool(kept) and not [arg for arg, _ in unit.params if arg.arg not in ("self", "cls")]


def _find_wait(unit: Unit, scope: Scope, resolver: Resolver, depth: int, clients: Clients) -> Wait:
    awaited = awaited_in(unit) if scope.kind == "async" else frozenset[int]()
    for seen in seen_calls(unit, resolver):
        if seen.call.scope is not scope or seen.call.flags & IN_EXCEPT:
            continue
        waited = id(seen.call.node) in awaited
        kind = "" if waited else waits_for(seen)
        if not (kind or waited or seen.dotted):
            kind = _of_given(seen, dict(clients))
        found, inner = _NONE, None
        counts = kind in ("network", "session") or (kind == "file" and scope.kind == "async")
        if counts and not (depth and seen.dotted == "time.sleep"):
            found = Wait(kind, seen.raw)  # a pause further away is one between retries
        elif depth < _MOST_DEEP and not isinstance(seen.thing, Class):
            inner = awaited_scope(seen) if waited else called_scope(seen)
            for given in _run_by_it(seen) if not waited else ():
                found = found if found.kind else wait_inside((given.unit, given), resolver, depth + 1)
        if inner is not None and not found.kind:
            found = wait_inside(inner, resolver, depth + 1, clients_given(seen, inner[0], resolver, clients))
        if found.kind and not is_seldom(seen.call.node, scope):
            return found
    return _NONE


def _of_given(seen: Seen, clients: dict[str, str]) -> Kind:
    """Return what a call waits for of a parameter that was given a client: ``client.indices.create()``."""
    root, _, rest = seen.raw.partition(".")
    if rest and root in clients:
        return _of_name(f"{clients[root]}.{rest}", seen)
    return ""


def _run_by_it(seen: Seen) -> list[Scope]:
    """Return the functions in the caller that a function of the project is given, and calls: ``retried(query)``."""
    thing = seen.thing
    if not isinstance(thing, Unit) or thing.is_async:
        return []
    called = {
        one.node.func.id for one in thing.calls if one.scope is thing.scope and isinstance(one.node.func, ast.Name)
    }
    names = [arg.arg for arg, _ in thing.params if arg.arg not in ("self", "cls")]
    bound = (
        seen.call.scope.bindings.get(one.id)
        for name, one in zip(names, seen.call.node.args, strict=False)
        if name in called and isinstance(one, ast.Name)
    )
    return [one for one in bound if isinstance(one, Scope) and one.kind == "function"]


def is_seldom(call: ast.Call, scope: Scope) -> bool:
    """Return True if a call runs only when something is not done yet, or for an option that is off by default."""
    off = _off_by_default(scope.node)
    for node in walk(scope.node):
        if not isinstance(node, ast.If) or call.lineno < node.lineno:
            continue
        inside = call.lineno <= (node.body[-1].end_lineno or 0)
        tests = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
        if inside and (any(chain(getattr(one, "left", one)) in off for one in tests) or _makes_once(node, scope)):
            return True
        if not inside and _returns_what_is_there(node):
            return True
    return False


def _makes_once(node: ast.If, scope: Scope) -> bool:
    """Return whether a branch makes what is not there yet, and keeps it: ``if self.pool is None: self.pool = …``.

    A name of the function's own is made anew at the next call.
    """
    kept = {name for one in walk(scope.node) if isinstance(one, (ast.Global, ast.Nonlocal)) for name in one.names}
    kept |= {chain(one) for one in walk(node.test) if isinstance(one, ast.Attribute)}
    kept |= scope.unit.module.scope.bindings.keys()
    test = node.test
    missing = ""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        missing = chain(test.operand)
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
        missing = chain(test.left)
    made = (target for one in node.body if isinstance(one, ast.Assign) for target in one.targets)
    return missing in kept and any(chain(target) == missing for target in made)


def _returns_what_is_there(node: ast.If) -> bool:
    """Return whether a branch leaves the function because its work was done before: ``if client: return client``."""
    left = [one for one in node.body if isinstance(one, ast.Return)]
    if not left:
        return False
    named = {chain(one) for one in walk(node.test) if isinstance(one, (ast.Name, ast.Attribute))}
    if any(words(name) & _DONE for name in named):
        return True
    return any(one.value is not None and chain(one.value) in named - {""} for one in left)


def _off_by_default(node: ast.AST) -> set[str]:
    args = getattr(node, "args", None)
    if not isinstance(args, ast.arguments):
        return set()
    positional = [*args.posonlyargs, *args.args]
    pairs = [*zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True)]
    pairs += [(arg, given) for arg, given in zip(args.kwonlyargs, args.kw_defaults, strict=True) if given is not None]
    return {arg.arg for arg, given in pairs if isinstance(given, ast.Constant) and not given.value}


def serves_start(unit: Unit) -> bool:
    """Return whether a coroutine runs while the application starts or stops, when nobody waits for an answer."""
    names = [chain(one) for one in unit.decorators]
    if any(name.rpartition(".")[2] == "on_event" for name in names):
        return True
    spoken = unit.name.lower()
    return "lifespan" in spoken or spoken.strip("_") in ("startup", "shutdown", "on_startup", "on_shutdown")
