"""Circuit breaker: an upstream that keeps failing is not asked for a while. A router without one needs none."""

from collections.abc import Iterator

from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.view import View


def _asking(view: View) -> list[str]:
    return [route.name for route in view.served if "upstream" in view.flags(route)]


def _missing(view: View) -> Iterator[Hit]:
    everywhere = "breaker" in view.app_flags
    for route in view.served:
        flags = view.flags(route)
        if not everywhere and "upstream" in flags and "breaker" not in flags:
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
