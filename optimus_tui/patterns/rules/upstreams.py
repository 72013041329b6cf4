"""Calls to upstreams: every wait has a limit, and one that keeps failing is not called for a while.

httpx has a time limit of its own (5 s) unless it is switched off. A router without upstreams needs no circuit breaker.
"""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import GUARDED
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.names import HTTP_VERBS
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View

_OWN_CLIENTS = frozenset({"httpx.AsyncClient", "httpx.Client", "aiohttp.ClientSession", "requests.Session"})
_OWN_CALLS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "stream"})


def _endless(view: View) -> Iterator[Hit]:
    if not view.roots.isdisjoint(("httpx", "requests", "aiohttp", "urllib")):
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
    if root == "requests":
        return method in HTTP_VERBS and (name.count(".") == 1 or ".Session." in name)
    return _makes_session(seen)


def _makes_session(seen: Seen) -> bool:
    return seen.dotted.rpartition(".")[2] == "ClientSession" and seen.dotted.startswith("aiohttp")


def _asking(view: View) -> list[str]:
    return [route.name for route in view.served if "upstream" in view.flags(route)]


def _asks_by_itself(view: View, route: Route) -> bool:
    """Return whether it creates a client of its own, which bypasses a breaker around the application's client."""
    for unit in view.units(route):
        for seen in view.calls(unit) if unit.module is view.module else ():
            root, _, rest = seen.dotted.partition(".")
            if seen.dotted in _OWN_CLIENTS or (root in ("requests", "httpx") and rest in _OWN_CALLS):
                return True
    return False


def _unbroken(view: View) -> Iterator[Hit]:
    everywhere = "breaker" in view.app_flags
    for route in view.served:
        flags = view.flags(route)
        if "upstream" not in flags or "breaker" in flags:
            continue
        if not everywhere or _asks_by_itself(view, route):
            yield at_unit(
                route.handler, f"Missing circuit breaker: {route.name} goes on asking an upstream that is down"
            )


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
        _unbroken, _asking,
    ),
)  # fmt: skip
