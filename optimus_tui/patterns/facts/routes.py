"""Find the functions that answer requests, how they are registered, and the dependencies of their parameters."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from optimus_tui.patterns.assembly import NOTHING, Above, Assembly, assembly_of, wrapped_registration
from optimus_tui.patterns.facts.model import Bound, Module, Param, Scope, Unit
from optimus_tui.patterns.source.makers import Frame
from optimus_tui.patterns.source.resolve import Resolver
from optimus_tui.patterns.source.vocabulary import argument, chain, is_tenant, option_of, text_of, words

METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
WRITES = frozenset({"post", "put", "patch", "delete"})
_ADDS = frozenset({"add_api_route", "add_route", "add_api_websocket_route"})
_ROUTES = frozenset({"Route", "APIRoute"})
_SYSTEM_PATHS = frozenset(
    {
        "health", "healthz", "healthcheck", "livez", "readyz", "ready", "live", "liveness", "readiness",
        "metrics", "ping", "version", "favicon.ico", "openapi.json", "docs", "robots.txt", "heartbeat",
        "status",
    }
)  # fmt: skip
_OF_ALL = _SYSTEM_PATHS | {"api", "v1", "v2", "v3", "system", "service", "server", "app", "internal", "gateway", ""}
"""Parts of a path below which a ``status`` is that of the whole system."""
_SYSTEM_TAGS = frozenset({"system", "health", "ops", "operations", "monitoring", "infra", "meta", "probes"})
_READING_POSTS = frozenset(
    {
        "search", "query", "preview", "validate", "estimate", "calculate", "lookup", "compare", "login",
        "token", "suggest", "check", "simulate", "quote", "export", "render", "parse", "verify", "test",
        "filter",
    }
)  # fmt: skip
_SOURCES = frozenset({"headers", "header", "params", "cookies", "claims", "payload", "token", "state", "session"})
_OF_ONE = re.compile(r"\{\w+[^}]*\}/")
_LABELS = frozenset({"", "-", "unknown", "none", "null", "n/a", "?"})


class Route(NamedTuple):
    """One route. ``declared``: expressions that run for it (dependencies), each with its scope."""

    methods: frozenset[str]
    path: str
    handler: Unit
    call: ast.Call
    options: dict[str, ast.expr]
    router: str
    tags: frozenset[str]
    declared: tuple[tuple[ast.expr, Scope], ...]
    above: Above

    @property
    def name(self) -> str:
        """Return the handler's name."""
        return self.handler.name

    @property
    def websocket(self) -> bool:
        """Return whether it is a web socket, which has neither models nor statuses."""
        return "websocket" in self.methods

    @property
    def writes(self) -> bool:
        """Return True if the route changes something. A search that is sent as POST does not."""
        if not self.methods & WRITES:
            return False
        if self.methods & {"put", "patch", "delete"}:
            return True
        spoken = {*self.name.lower().split("_"), *self.path.lower().replace("-", "/").replace(":", "/").split("/")}
        return not spoken & _READING_POSTS

    @property
    def reads(self) -> bool:
        """Return whether it is a GET."""
        return "get" in self.methods

    @property
    def system(self) -> bool:
        """Return True for a route of operators and their tools, which must answer when other requests are refused."""
        if self.methods - {"get", "head", "options"}:
            return False
        last = self.path.rstrip("/").rpartition("/")[2].lower().replace("-", "").replace("_", "")
        if _OF_ONE.search(self.path):
            return False  # the status of one order is the caller's business
        if last == "status" and not {*self.path.lower().strip("/").split("/")[:-1]} <= _OF_ALL:
            return False  # so is that of one part of the system
        return last in _SYSTEM_PATHS or (bool(self.tags) and self.tags <= _SYSTEM_TAGS)


def routes_of(module: Module, resolver: Resolver) -> list[Route]:
    """Return all routes of a file, in the order of its lines."""
    found: dict[int, Route] = {}
    assembly = assembly_of(resolver.project, module.path)
    assembly.ensure(module)
    for route in (*_decorated(module, assembly), *_added(module, resolver, assembly)):
        known = found.get(id(route.handler))
        if known is not None:
            route = _merged(known, route)
        found[id(route.handler)] = route
    return sorted(found.values(), key=lambda route: route.handler.line)


def _merged(one: Route, other: Route) -> Route:
    """Return one route for a handler with two paths: only what is declared for both of them runs for it."""
    shared = {ast.dump(node) for node, _ in other.declared}
    declared = tuple(pair for pair in one.declared if ast.dump(pair[0]) in shared)
    apps = {module.path: module for module in (*one.above.apps, *other.above.apps)}
    above = Above(declared, tuple(apps.values()), one.above.lost | other.above.lost)
    return one._replace(methods=one.methods | other.methods, declared=declared, above=above)


def _decorated(module: Module, assembly: Assembly) -> Iterator[Route]:
    for unit in module.units:
        for one in unit.decorators:
            registered = wrapped_registration(one) or one
            if not isinstance(registered, ast.Call) or not isinstance(registered.func, ast.Attribute):
                continue
            verb = registered.func.attr
            if verb in METHODS or verb in ("api_route", "route", "websocket"):
                path = _path(registered)
                if path is not None:
                    yield _route(assembly, verb, path, unit, registered, unit.scope.parent or module.scope)


def _added(module: Module, resolver: Resolver, assembly: Assembly) -> Iterator[Route]:
    """Yield the routes of ``router.add_api_route("/x", f)``, ``router.get("/x")(f)`` and ``Route("/x", f)``."""
    for unit in (module.unit, *module.units):
        if "curried" not in unit.memo and unit.attrs.isdisjoint(_ADDS) and unit.loads.isdisjoint(_ROUTES):
            continue
        for call in unit.calls:
            node, func = call.node, call.node.func
            handler: ast.expr | None = None
            registered = node
            verb = ""
            if isinstance(func, ast.Attribute) and func.attr in (
                "add_api_route",
                "add_route",
                "add_api_websocket_route",
            ):
                if len(node.args) > 1:
                    handler = node.args[1]
                else:
                    handler = option_of(node, "endpoint")
                verb = "websocket" if "websocket" in func.attr else "api_route"
            elif isinstance(func, ast.Name) and func.id in _ROUTES and len(node.args) > 1:
                handler, verb = node.args[1], "api_route"
            elif isinstance(func, ast.Call) and len(node.args) == 1 and _path(func) is not None:
                verb = getattr(func.func, "attr", "")
                if verb in METHODS:
                    handler, registered = node.args[0], func
            if handler is None:
                continue
            answers = resolver.what(handler, call.scope)
            path = _path(registered)
            if isinstance(answers, Unit) and answers.module is module and path is not None:
                yield _route(assembly, verb, path, answers, registered, call.scope)


def _route(assembly: Assembly, verb: str, path: str, handler: Unit, call: ast.Call, place: Scope) -> Route:
    options = {word.arg: word.value for word in call.keywords if word.arg}
    methods = frozenset({verb})
    if verb in ("api_route", "route"):
        written = options.get("methods")
        names = [text_of(one) for one in getattr(written, "elts", [])]
        methods = frozenset(str(name).lower() for name in names if name) or frozenset({"get"})
    declared, lost = assembly.dependencies(call, place)
    tags = _strings(options.get("tags"))
    above = NOTHING
    if isinstance(call.func, ast.Attribute):
        makers, above = assembly.above(call.func.value, place)
        for made, scope, *_ in makers[:1]:
            tags |= _strings(option_of(made, "tags"))
            path = (text_of(option_of(made, "prefix")) or "") + path
            route_class = option_of(made, "route_class")
            if route_class is not None:
                declared = (*declared, (route_class, scope))
    above = above._replace(lost=above.lost | lost)
    return Route(
        methods,
        path,
        handler,
        call,
        options,
        chain(call.func).rpartition(".")[0],
        tags,
        (*declared, *above.declared),
        above,
    )


def _path(node: ast.Call) -> str | None:
    given = argument(node, 0, "path")
    text = text_of(given)
    if text is not None:
        if text == "" or text[0] in "/{":
            return text
        return None
    if given is not None and isinstance(given, (ast.Name, ast.Attribute, ast.BinOp)):
        return ""
    return None


def _strings(node: ast.expr | None) -> frozenset[str]:
    return frozenset(text.lower() for one in getattr(node, "elts", []) if (text := text_of(one)))


def needs(resolver: Resolver, arg: ast.arg, default: ast.expr | None, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """Return the arguments of every ``Depends(…)`` of a parameter, each with the scope that it is written in."""
    annotation = arg.annotation
    if default is None:
        if annotation is not None:
            return _of_annotation(resolver, annotation, scope)
        return []
    found = _of_default(resolver, default, annotation, scope)
    if annotation is not None:
        return found + _of_annotation(resolver, annotation, scope)
    return found


def _of_default(
    resolver: Resolver, default: ast.expr, annotation: ast.expr | None, scope: Scope
) -> list[tuple[ast.expr, Scope]]:
    home = scope
    if isinstance(default, ast.Name):
        bound = resolver.where(default, scope)
        if bound is not None and isinstance(bound[0], Bound) and isinstance(bound[0].value, ast.Call):
            default, home = bound[0].value, bound[1]
    if isinstance(default, ast.Call):
        target = resolver.depended(default, home)
        if target is not None:
            return [_given_to_maker(resolver, target, home)]  # type: ignore[arg-type]
        if annotation is not None and chain(default.func).rpartition(".")[2] == "Depends":
            return [(annotation, scope)]
    return []


def _given_to_maker(resolver: Resolver, target: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
    """Return a dependency, or, where it is a parameter of the function that makes the router, what that is given."""
    found = resolver.where(target, scope) if isinstance(target, ast.Name) else None
    bound = found[0] if found is not None else None
    if isinstance(bound, Param) and not isinstance(bound.function, ast.Lambda):
        follower = assembly_of(resolver.project, scope.unit.module.path).follower
        for call, place in follower.callers(bound.function)[:1]:
            given = follower.given(bound, Frame(bound.function, call, place, None), 0)
            if given is not None:
                return given.node, given.scope
    return target, scope


def _of_annotation(resolver: Resolver, annotation: ast.expr, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """Return the dependencies of an alias, resolved once per name and scope."""
    if not isinstance(annotation, ast.Name):
        return _written(resolver, annotation, scope)
    key = f"needs {annotation.id}"  # no name holds a blank
    known: list[tuple[ast.expr, Scope]] | None = scope.things.get(key)
    if known is None:
        scope.things[key] = []  # modules that import a name from each other define it nowhere
        home = resolver.neighbour(annotation, scope)
        if home is not None:
            known = _of_annotation(resolver, *home)
        else:
            known = _written(resolver, annotation, scope)
        scope.things[key] = known
    return known


def _written(resolver: Resolver, annotation: ast.expr, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    place = scope
    for _ in range(6):
        if isinstance(annotation, ast.Subscript):
            break
        alias = resolver.alias(annotation, place)
        if alias is None:
            return []
        annotation, place = alias
    if not isinstance(annotation, ast.Subscript) or chain(annotation.value).rpartition(".")[2] != "Annotated":
        return []
    parts = []
    if isinstance(annotation.slice, ast.Tuple):
        parts = annotation.slice.elts
    found: list[tuple[ast.expr, Scope]] = []
    for one in parts[1:]:
        target = resolver.depended(one, place)
        if target is not None:
            found.append((target, place))  # type: ignore[arg-type]
        elif isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2] == "Depends":
            found.append((parts[0], place))
    return found


def hollow_tenants(unit: Unit, resolver: Resolver) -> frozenset[str]:
    """Return the parameters named for a tenant whose dependency is in the tree and returns None or a constant."""
    known: frozenset[str] | None = unit.memo.get("hollow")
    if known is None:
        known = unit.memo["hollow"] = frozenset(
            arg.arg
            for arg, default, scope in unit.given
            if is_tenant(arg.arg)
            and any(_is_hollow(one, place, resolver) for one, place in needs(resolver, arg, default, scope))
        )
    return known


def _is_hollow(node: ast.expr, scope: Scope, resolver: Resolver) -> bool:
    found = resolver.what(node, scope)
    return isinstance(found, Unit) and found.stub and not _is_overridden(found)


def _is_overridden(unit: Unit) -> bool:
    """Return whether the unit is ``raise NotImplementedError``, which the application replaces by another function."""
    return any(isinstance(one, ast.Raise) for one in getattr(unit.node, "body", []))


def falls_back(node: ast.expr) -> bool:
    """Return True if the expression reads a tenant from the request, with a text in the code as its default."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return _reads_tenant(node.values[0]) and _is_somebody(node.values[-1])
    if not isinstance(node, ast.Call):
        return False
    with_default = 3 if chain(node.func) == "getattr" else 2
    return len(node.args) == with_default and _reads_tenant(node) and _is_somebody(node.args[-1])


def _reads_tenant(node: ast.expr) -> bool:
    """Return whether the node is like ``headers.get("X-Tenant-ID")`` or ``getattr(request.state, "tenant_id")``."""
    if not isinstance(node, ast.Call):
        return False
    name = chain(node.func)
    given = node.args
    if name.endswith(".get"):
        given = [node.func, *node.args]
    elif name != "getattr":
        return False
    if len(given) < 2:
        return False
    return is_tenant(text_of(given[1]) or "") and bool(words(chain(given[0])) & _SOURCES)


def _is_somebody(node: ast.expr) -> bool:
    text = text_of(node)
    if text is not None:
        return text.lower() not in _LABELS
    return "default" in words(chain(node))
