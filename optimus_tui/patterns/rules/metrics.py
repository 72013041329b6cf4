"""Metrics: requests, or what they do, are counted and timed, here or for the whole app."""

from collections.abc import Iterator

from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.source.view import View


def _subjects(view: View) -> list[str]:
    if view.served:
        return ["file"]
    return []


def _missing(view: View) -> Iterator[Hit]:
    if not view.served or "metrics" in view.app_flags:
        return
    if any("metrics" in jobs_of(unit, view.resolver).flags for unit in view.live_units):
        return
    if not any("metrics" in view.flags(route) for route in view.served):
        first = view.served[0].handler
        yield at_unit(first, "Missing metrics: neither this router nor the app counts or times a request")._replace(
            subject="file"
        )


RULES = (
    Rule(
        "metrics.missing", "metrics", "production_ready", "medium", "A router without metrics",
        "Nobody sees that it is slow or failing before a tenant says so.",
        "Count and time requests in a middleware of the app, or with a prometheus_client Counter and Histogram here.",
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, repo: Repo) -> ProductPage:
    return await repo.page(tenant)
''',
        '''
from prometheus_client import Counter

LISTED = Counter("products_listed_total", "Lists of products answered.")


@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, repo: Repo) -> ProductPage:
    LISTED.inc()
    return await repo.page(tenant)
''',
        _missing, _subjects,
    ),
)  # fmt: skip
