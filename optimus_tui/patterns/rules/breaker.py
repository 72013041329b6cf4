"""Circuit breaker: an upstream that keeps failing is not called for a while. A router without upstreams needs none."""

from collections.abc import Iterator

from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.source.view import View

_OWN_CLIENTS = frozenset({"httpx.AsyncClient", "httpx.Client", "aiohttp.ClientSession", "requests.Session"})
_OWN_CALLS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "stream"})


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


def _missing(view: View) -> Iterator[Hit]:
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
        _missing, _asking,
    ),
)  # fmt: skip
