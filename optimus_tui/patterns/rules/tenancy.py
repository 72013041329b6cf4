"""Multi-tenancy: every route knows its tenant, refuses a request without one, and uses the tenant it was given."""

import ast
import re
from collections.abc import Iterator

from optimus_tui.patterns.facts.hosts import asks_where_it_is_told
from optimus_tui.patterns.facts.model import Unit, is_caller
from optimus_tui.patterns.facts.own_work import touches_nothing
from optimus_tui.patterns.facts.routes import Route, falls_back, hollow_tenants
from optimus_tui.patterns.rule import Hit, Rule, at, at_unit
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, first_argument, is_tenant, words

_BETWEEN_BRACES = re.compile(r"\{(\w+)(?::\w+)?\}")
_SERVICES = frozenset({"client", "service", "repository", "repo", "store", "manager", "crud", "server"})
_RIGHTS = frozenset(
    {
        "permission", "permissions", "admin", "staff", "superuser", "role", "roles", "access", "authorize",
        "authorized", "principal", "subject", "security",
    }
)  # fmt: skip
_SOURCES = ("Header", "Query", "Cookie", "Param")


def _names(view: View) -> list[str]:
    return [route.name for route in view.served if not touches_nothing(view, route)]


def _missing(view: View) -> Iterator[Hit]:
    everywhere = "tenant" in view.app_flags
    for route in view.served:
        if touches_nothing(view, route):
            continue
        hollow = hollow_tenants(route.handler, view.resolver)
        if hollow:
            name = min(hollow)
            yield at_unit(route.handler, f"Missing tenant: the dependency {name} returns the same for every caller")
        elif not everywhere and "tenant" not in view.flags(route) and not _is_the_callers(view, route):
            yield at_unit(route.handler, f"Missing tenant: {route.name} does not know whose data it touches")


def _is_the_callers(view: View, route: Route) -> bool:
    """Return whether the route has a tenant in its path, or is bound to what its caller says or may do."""
    if asks_where_it_is_told(view, route):
        return True
    if any(is_tenant(name) for name in _BETWEEN_BRACES.findall(route.path)):
        return True
    if any(_is_logged_in(arg) and arg.arg in route.handler.loads for arg, _ in route.handler.params):
        return True
    declared = [view.resolver.depended(node, scope) or node for node, scope in view.declared(route)]
    return any(words(chain(node)) & _RIGHTS for node in declared) or any(
        words(f"{chain(arg.annotation)} {chain(node)}") & _RIGHTS
        for arg, default, scope in route.handler.given
        for node, _ in view.way.dependencies(arg, default, scope)
    )


def _is_logged_in(arg: ast.arg) -> bool:
    """Return whether a parameter is the caller, and not the service that knows callers."""
    return is_caller(arg) and not words(chain(arg.annotation)) & _SERVICES


def _optional(view: View) -> Iterator[Hit]:
    for unit in view.own_units:
        if unit.raised or (unit.owner is not None and unit.name == unit.owner.name):
            continue
        for arg, default in unit.params:
            if is_tenant(arg.arg) and not arg.arg.startswith("_") and _replaceable(arg, default, unit, view):
                if _is_filter(default, unit) or _is_for_operators(arg, unit, view) or arg.arg not in unit.loads:
                    continue  # what is not used serves nobody
                yield at(arg, f"{arg.arg} has a default: a caller who names no tenant is served as a default one")
    yield from _instead(view)


def _instead(view: View) -> Iterator[Hit]:
    """Yield hits of ``request.headers.get("X-Tenant-ID") or "public"``, read for a route and not for a label."""
    if view.methods.isdisjoint(("get", "getattr")):
        return
    serving: set[int] = set()
    for unit in view.own_units:
        if not any(len(text) <= 40 and is_tenant(text) for _, text in unit.strings):
            continue
        bound = (getattr(one, "value", None) for one in unit.scope.bindings.values())
        for value in (*(one.node.value for one in unit.returned if isinstance(one.node, ast.Return)), *bound):
            if isinstance(value, (ast.BoolOp, ast.Call)) and falls_back(value):
                serving = serving or {id(one) for route in view.served for one in view.units(route)}
                if id(unit) in serving:
                    yield at(value, "A caller who names no tenant is served as a default one")


def _is_filter(default: ast.expr | None, unit: Unit) -> bool:
    """Return whether ``organization_id=Query(None)`` beside the caller narrows down what that caller may see."""
    is_query = isinstance(default, ast.Call) and chain(default.func).rpartition(".")[2] == "Query"
    return is_query and any(is_caller(arg) for arg, _ in unit.params)


def _is_for_operators(arg: ast.arg, unit: Unit, view: View) -> bool:
    """Return whether an operator asks for one tenant, or for all: a parameter of the query below ``/admin``."""
    asked = arg.annotation is not None and "Header" not in ast.dump(arg.annotation)
    return asked and any(
        "admin" in words(f"{route.router} {route.path}") for route in view.served if route.handler is unit
    )


def _replaceable(arg: ast.arg, default: ast.expr | None, unit: Unit, view: View) -> bool:
    """Return whether the header or query parameter may be left out without a refusal."""
    serves = any(route.handler is unit for route in view.served) or _is_dependency(unit, view)
    if not serves or default is None:
        return False
    if isinstance(default, ast.Constant):
        return default.value is not ...
    if isinstance(default, ast.Call) and chain(default.func).rpartition(".")[2] in _SOURCES:
        first = first_argument(default)
        named = next((word.value for word in default.keywords if word.arg == "default"), None)
        given = first or named
        return isinstance(given, ast.Constant) and given.value is not ...
    return False


def _is_dependency(unit: Unit, view: View) -> bool:
    return any(
        isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2] in _SOURCES for _, one in unit.params
    ) or any("Header" in ast.dump(arg.annotation)[:400] for arg, _ in unit.params if arg.annotation is not None)


def _unused(view: View) -> Iterator[Hit]:
    if "tenant" in view.app_flags:
        return  # what runs before the route has used it
    for route in view.served:
        unit = route.handler
        named = [arg for arg, default in unit.params if is_tenant(arg.arg) and not arg.arg.startswith("_")]
        if not named or any(arg.arg in unit.loads for arg in named) or not view.calls(unit):
            continue  # without a call it answers what is written there
        if not {"upstream", "db", "cache_read", "cache_write"} & view.flags(route) and not _others_tell(view, unit):
            continue
        if any(view.resolver.depended(one, view.module.scope) is not None for _, one in unit.params if one is not None):
            collaborators = [
                arg
                for arg, default in unit.params
                if default is not None
                and not is_tenant(arg.arg)
                and any("tenant" in _flags(view, each) for each in _behind(view, arg, default, unit))
            ]
            if collaborators:
                continue
        yield at(named[0], f"{named[0].arg} is asked for and never used: {route.name} reads everybody's data")


def _others_tell(view: View, unit: Unit) -> bool:
    """Return whether other routes of the file pass the tenant to the object that this one calls."""
    given_tenant = {name for route in view.served for name in _called_parameters(view, route.handler, tenant=True)}
    return not given_tenant.isdisjoint(_called_parameters(view, unit))


def _called_parameters(view: View, unit: Unit, tenant: bool = False) -> Iterator[str]:
    """Yield the parameters whose methods are called; ``tenant``: only those that are given the tenant."""
    given = {arg.arg for arg, _ in unit.params}
    for seen in view.calls(unit):
        root, _, method = seen.raw.partition(".")
        given_tenant = not tenant or any(is_tenant(chain(one)) for one in seen.call.node.args)
        if given_tenant and method and root in given and not seen.visible:
            yield root


def _behind(view: View, arg: ast.arg, default: ast.expr | None, unit: Unit) -> list[Unit]:
    found: list[Unit] = []
    for node, scope in view.way.dependencies(arg, default, unit.scope.parent or unit.scope):
        thing = view.resolver.what(node, scope)
        if isinstance(thing, Unit):
            found += view.way.reach(thing)
    return found


def _flags(view: View, unit: Unit) -> frozenset[str]:
    from optimus_tui.patterns.facts.jobs import jobs_of

    return jobs_of(unit, view.resolver).flags


RULES = (
    Rule(
        "tenancy.missing", "multi_tenancy", "basic", "high", "A route without a tenant",
        "Without one there is nothing to limit, to isolate or to bill by, and one tenant can read another's data.",
        "Ask for it: tenant: Tenant (X-Tenant-ID, required and validated), or declare the dependency on the router.",
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(repo: Repo) -> ProductPage:
    return await repo.page()
''',
        '''
@router.get("/products", dependencies=[Depends(rate_limited("list_products"))])
async def list_products(repo: Repo, tenant: Tenant) -> ProductPage:
    return await repo.page(tenant)
''',
        _missing, _names, profile="gateway", needs=("isolation",), absence=True,
    ),
    Rule(
        "tenancy.optional", "multi_tenancy", "basic", "high", "A tenant that may be left out",
        "A caller who forgets the header gets a default tenant's data, or everybody's.",
        "Make the header required, or refuse with 400 where it is missing.",
        '''
@router.get("/products")
async def list_products(repo: Repo, x_tenant_id: str = Header("demo")) -> ProductPage:
    return await repo.page(x_tenant_id)
''',
        '''
@router.get("/products")
async def list_products(repo: Repo, x_tenant_id: str = Header()) -> ProductPage:
    return await repo.page(x_tenant_id)
''',
        _optional, profile="gateway", needs=("tenant",),
    ),
    Rule(
        "tenancy.unused", "multi_tenancy", "comprehensive", "high", "A tenant that is asked for and not used",
        "The signature promises isolation; the query reads everybody's data.",
        "Pass the tenant on: to the engine's request, the query's condition, the cache's key.",
        '''
@router.get("/products")
async def list_products(tenant: Tenant, engine: Engine) -> ProductPage:
    return await engine.request("GET", "/api/products")
''',
        '''
@router.get("/products")
async def list_products(tenant: Tenant, engine: Engine) -> ProductPage:
    return await engine.request("GET", "/api/products", tenant)
''',
        _unused, profile="gateway", needs=("tenant",),
    ),
)  # fmt: skip
