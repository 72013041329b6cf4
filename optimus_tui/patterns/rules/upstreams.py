"""Upstreams: addresses come from the environment, every wait has a limit, a failing one is not asked for a while."""

import ast
import re
from collections.abc import Iterator

from optimus_tui.patterns.facts.hosts import asks_where_it_is_told, is_own
from optimus_tui.patterns.facts.model import GUARDED, Unit
from optimus_tui.patterns.facts.own_work import work_of
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.signs import is_served
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import HTTP_VERBS, chain, text_of, words

_OWN_CLIENTS = frozenset({"httpx.AsyncClient", "httpx.Client", "aiohttp.ClientSession", "requests.Session"})
_OWN_CALLS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "stream"})
_ADDRESS = re.compile(
    r"^(https?|rediss?|wss?|postgres(ql)?(\+\w+)?|mysql(\+\w+)?|mongodb(\+srv)?|amqps?|grpc)://[^/\s{]"
)
_NAMED = frozenset(
    {"url", "uri", "host", "endpoint", "base", "server", "dsn", "upstream", "engine", "address", "origin", "target"}
)
_TAKES = HTTP_VERBS | {
    "from_url", "connect", "AsyncClient", "Client", "create_engine", "create_async_engine", "ClientSession",
    "urlopen", "websocket_connect", "Redis", "open_connection", "fetch", "call",
}  # fmt: skip
_SETTINGS = frozenset(
    {"getenv", "get", "environ", "Field", "config", "env", "setting", "Header", "Query", "getattr", "AnyUrl"}
)
_CLIENTS = frozenset({"client", "pool", "producer", "consumer", "connection", "channel"})
_PLACES = frozenset({"localhost"})


def _endless(view: View) -> Iterator[Hit]:
    if not view.roots.isdisjoint(("httpx", "requests", "aiohttp", "urllib", "http")):
        for _, seen in view.every_call:
            if not seen.call.flags & GUARDED and _has_none(seen):
                yield at(seen.call.node, f"{seen.raw}() waits without a time limit")


def _has_none(seen: Seen) -> bool:
    given = next((word.value for word in seen.call.node.keywords if word.arg == "timeout"), None)
    switched_off = isinstance(given, ast.Constant) and given.value is None
    name = seen.dotted
    root, method = name.partition(".")[0], name.rpartition(".")[2]
    if root == "httpx":
        return switched_off
    if given is not None:
        return switched_off and root in ("requests", "aiohttp", "urllib")
    if any(word.arg is None for word in seen.call.node.keywords):
        return False
    if name == "urllib.request.urlopen":
        return len(seen.call.node.args) < 3
    if name in ("http.client.HTTPConnection", "http.client.HTTPSConnection"):
        return len(seen.call.node.args) < 3
    if root == "requests":
        return method in HTTP_VERBS and (name.count(".") == 1 or ".Session." in name)
    return _makes_session(seen)


def _makes_session(seen: Seen) -> bool:
    return seen.dotted.rpartition(".")[2] == "ClientSession" and seen.dotted.startswith("aiohttp")


def _asking(view: View) -> list[str]:
    return [route.name for route in view.served if "upstream" in work_of(view, route)]


def _asks_by_itself(view: View, route: Route) -> bool:
    """Return whether it creates a client of its own, which bypasses a breaker around the application's client."""
    for unit in view.units(route):
        for seen in view.calls(unit) if unit.module is view.module else ():
            root, _, rest = seen.dotted.partition(".")
            if seen.dotted in _OWN_CLIENTS or (root in ("requests", "httpx") and rest in _OWN_CALLS):
                return True
    return False


def _has_no_fixed_upstream(view: View, route: Route) -> bool:
    """Return whether one breaker makes no sense: the caller names the host, or a sign-in asks once for a user."""
    spoken = set(re.findall(r"[a-z]+", route.path.lower()))
    if spoken & {"callback", "oauth", "webhook", "webhooks"}:
        return True
    return asks_where_it_is_told(view, route)


def _unbroken(view: View) -> Iterator[Hit]:
    everywhere = "breaker" in view.app_flags
    for route in view.served:
        flags = view.flags(route)
        if "upstream" not in work_of(view, route) or "breaker" in flags or _has_no_fixed_upstream(view, route):
            continue
        if not everywhere or _asks_by_itself(view, route):
            yield at_unit(
                route.handler, f"Missing circuit breaker: {route.name} goes on asking an upstream that is down"
            )


def _written(view: View) -> Iterator[Hit]:
    if not is_served(view.module.path):
        return  # a test's address leads nowhere
    for unit in view.own_units:
        if "host" in unit.keywords or any("://" in text for _, text in unit.strings):
            yield from _in_unit(view, unit)


def _in_unit(view: View, unit: Unit) -> Iterator[Hit]:
    addresses = {id(node): node for node, text in unit.strings if _ADDRESS.match(text) and is_own(text, unit)}
    if _is_settings(unit):
        return
    excused: set[int] = set()
    accused: dict[int, ast.Constant] = {}
    for seen in view.calls(unit):
        node = seen.call.node
        given = [*node.args, *(word.value for word in node.keywords)]
        if seen.method in _SETTINGS and ("environ" in seen.raw or seen.method not in HTTP_VERBS):
            excused |= {id(one) for each in given for one in ast.walk(each)}
        elif seen.method in _TAKES or words(seen.method) & _CLIENTS:
            for each in given:
                for one in ast.walk(each) if isinstance(each, (ast.BinOp, ast.JoinedStr, ast.Constant)) else ():
                    if id(one) in addresses:
                        accused[id(one)] = addresses[id(one)]
            for word in node.keywords:
                host = None
                if word.arg == "host" and isinstance(word.value, ast.Constant):
                    host = text_of(word.value)
                if host and ("." in host or host in _PLACES) and is_own(f"https://{host}", unit):
                    accused[id(word.value)] = word.value  # type: ignore[assignment]
    for name, value in _assigned(unit):
        text = text_of(value)
        if text and _ADDRESS.match(text) and not words(name).isdisjoint(_NAMED):
            for one in ast.walk(value):
                if id(one) in addresses:
                    accused[id(one)] = addresses[id(one)]
    for key, found in accused.items():
        if key not in excused:
            yield at(found, f"The address {str(found.value)[:60]!r} is written into the source")


def _is_settings(unit: Unit) -> bool:
    owner = unit.owner
    if owner is None:
        return False
    bases = " ".join(chain(one) for one in owner.bases)
    return "Settings" in bases or "Config" in owner.name


def _assigned(unit: Unit) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(unit.node) if unit.name else getattr(unit.node, "body", []):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
            if isinstance(node, ast.Assign):
                target = node.targets[0]
            else:
                target = node.target
            yield chain(target), node.value


RULES = (
    Rule(
        "timeouts.missing", "timeouts", "comprehensive", "high", "A request without a time limit",
        "A hung upstream holds the request, its connection and its memory until the process is restarted.",
        "Pass a timeout (seconds) to the client or the request, or wait inside asyncio.timeout(…).",
        '''
import requests


def load(tenant: str) -> dict:
    return requests.get(engine_url(), headers={"X-Tenant-ID": tenant}).json()
''',
        '''
import requests


def load(tenant: str) -> dict:
    return requests.get(engine_url(), headers={"X-Tenant-ID": tenant}, timeout=2).json()
''',
        _endless,
    ),
    Rule(
        "breaker.missing", "circuit_breaker", "production_ready", "medium", "An upstream without a circuit breaker",
        "While it is down every request waits for its timeout, and the upstream is hit hardest when it comes back.",
        "Put a breaker round the client (the gateway's HttpClient and Engine have one); answer 503 while it is open.",
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, http: HttpClient) -> ProductPage:
    return (await http.get("/api/products", headers={"X-Tenant-ID": tenant})).json()
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, http: HttpClient, breaker: Breaker) -> ProductPage:
    async with breaker.attempt():
        return (await http.get("/api/products", headers={"X-Tenant-ID": tenant})).json()
''',
        _unbroken, _asking, profile="gateway", needs=("breaker",), absence=True,
    ),
    Rule(
        "config.hardcoded_host", "configuration", "comprehensive", "medium", "An address in the source",
        "The same code cannot run in a test, in staging and in production; moving a service needs a release.",
        "Take it from the settings: services.get_service_url(\"ai_engine\"), or os.environ.",
        '''
ENGINE_URL = "http://10.0.0.7:8010"
''',
        '''
ENGINE_URL = os.environ["AI_ENGINE_URL"]
''',
        _written,
    ),
)  # fmt: skip
