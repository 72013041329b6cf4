"""Logs and metrics: requests are logged with levels, counted and timed, in the route or for the whole app."""

from collections.abc import Iterator

from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.facts.own_work import called_by
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import LOG_METHODS, chain, words

_LOGS = frozenset({"log", "logs", "logged", "logging", "audit", "audited", "record", "records"})
_WRITERS = frozenset({"logger", "audit", "auditor"})
_SET_UP = frozenset({"config", "configuration", "settings", "logger", "loggers", "logging"})
_BELOW = frozenset(
    {"cache", "caches", "cached", "caching", "redis", "memcached", "websocket", "websockets", "pool", "lock", "locks"}
)
"""Words of files and classes below what a route does: their lines are about a cache or a connection, not a request."""


def _subjects(view: View) -> list[str]:
    if view.served:
        return ["file"]
    return []


def _missing(view: View, flag: str, message: str) -> Iterator[Hit]:
    """Yield one hit for the file where neither the app nor anything in the router does what ``flag`` stands for."""
    if all(_only_greets(view, route) for route in view.served) or flag in view.app_flags:
        return
    if any(flag in jobs_of(unit, view.resolver).flags for unit in view.live_units):
        return
    asked = view.served
    if flag == "logs":  # what is changed is asked for later
        asked = [route for route in view.served if not route.reads] or view.served
    doing = sum(_does(view, route, flag) for route in asked)
    if doing * 2 < len(asked):  # that one route calls a helper which does it says nothing of the others
        yield at_unit(view.served[0].handler, message)._replace(subject="file")


def _only_greets(view: View, route: Route) -> bool:
    """Return whether a GET at the root calls nothing but what makes its answer: a greeting, a probe."""
    if not route.reads or route.path.strip("/"):
        return False
    return all(seen.method[:1].isupper() or seen.method in LOG_METHODS for seen in view.calls(route.handler))


def _does(view: View, route: Route, flag: str) -> bool:
    """Return whether a route's own work does it. What its dependencies log is about signing in, and not about it."""
    if flag != "logs":
        return flag in view.flags(route)
    if any(words(f"{arg.arg} {chain(arg.annotation)}") & _WRITERS for arg, _ in route.handler.params):
        return True
    units = called_by(view, route) + [unit for unit in view.units(route) if unit.module is view.module]
    for node, scope in view.declared(route):
        depended = view.resolver.depended(node, scope)
        if depended is None or words(chain(depended)) & _LOGS:
            units += view.way.closure(view.way.started_by(node, scope))
            if flag in view.way.by_name(node, scope):
                return True
    return any(flag in jobs_of(unit, view.resolver).flags for unit in units if not _writes_of_itself(unit))


def _writes_of_itself(unit: Unit) -> bool:
    """Return whether a unit belongs to the settings, the logger, a cache or a connection: it writes of itself."""
    names = words(unit.module.path.removesuffix(".py").rpartition("/")[2]) | words(unit.owner_name)
    return not names.isdisjoint(_SET_UP | _BELOW)


def _unlogged(view: View) -> Iterator[Hit]:
    return _missing(view, "logs", "Missing log: neither this router nor the app writes a line about a request")


def _unmeasured(view: View) -> Iterator[Hit]:
    return _missing(view, "metrics", "Missing metrics: neither this router nor the app counts or times a request")


def _printed(view: View) -> Iterator[Hit]:
    if "print" in view.methods:
        for _, seen in view.every_call:
            if seen.raw == "print" and seen.thing is None:
                yield at(seen.call.node, "print() has no level, no time and no request: use a logger")


RULES = (
    Rule(
        "logging.missing", "logging", "basic", "medium", "A router that logs nothing",
        "When a tenant asks what happened to a request, there is no record of it.",
        "logger = logging.getLogger(__name__), and a line where something is changed or fails; or a middleware that "
        "logs every request.",
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, repo: Repo) -> ProductPage:
    return await repo.page(tenant)
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(tenant: Tenant, repo: Repo) -> ProductPage:
    logger.info("products listed", extra={"tenant": tenant})
    return await repo.page(tenant)
''',
        _unlogged, _subjects, absence=True,
    ),
    Rule(
        "logging.print", "logging", "comprehensive", "low", "print instead of a log",
        "It goes to another place than the logs, without level, time or request.",
        "Use a logger.",
        '''
async def load(tenant: str) -> None:
    print("loading", tenant)
''',
        '''
async def load(tenant: str) -> None:
    logger.info("loading", extra={"tenant": tenant})
''',
        _printed,
    ),
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
        _unmeasured, _subjects, profile="gateway", needs=("metrics",), absence=True,
    ),
)  # fmt: skip
