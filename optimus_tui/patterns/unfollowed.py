"""Code that runs for a route and could not be followed. It might do a job, so the job cannot be called missing."""

import ast
import builtins
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Class, Import, Module, Scope, Unit, bound_value
from optimus_tui.patterns.facts.routes import Route, needs
from optimus_tui.patterns.source.resolve import External, seen_calls
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain

_OF_THE_FRAMEWORK = frozenset(
    {"Request", "Response", "WebSocket", "HTTPConnection", "BackgroundTasks", "SecurityScopes"}
)
"""What the framework itself hands over for a parameter of that type."""


def unfollowed(view: View, route: Route) -> tuple[str, ...]:
    """Return the names that may run for a route and could not be followed, sorted.

    An import of the project itself that leads to no file, a dependency or a decorator that stands for nothing known, a
    router or a list of dependencies that is put together in a way that cannot be followed. Calls into libraries are
    judged by their names.
    """
    known: tuple[str, ...] | None = route.handler.memo.get("unfollowed")
    if known is None:
        names = set(route.above.lost)
        for node, scope in route.declared:
            names.update(_dead_end(node, scope, view))
        outer = route.handler.scope.parent or route.handler.scope
        for one in route.handler.decorators:
            if one is not route.call:
                names.update(_dead_end(one, outer, view))
        for unit in view.units(route):
            names |= _of_unit(unit, view)
        for app in view.apps:
            names |= _of_app(app, view)
        known = route.handler.memo["unfollowed"] = tuple(sorted(names - {""}))
    return known


def _dead_end(node: ast.expr, scope: Scope, view: View) -> Iterator[str]:
    """Yield the name of a dependency or decorator that stands for nothing in the tree or in a library."""
    target = view.resolver.depended(node, scope)
    made = node if target is None else target
    if isinstance(made, ast.Call):
        made = made.func
    thing = view.resolver.what(made, scope)
    if _leads_nowhere(chain(made), scope, view):
        yield chain(made)
        return
    named = isinstance(made, (ast.Name, ast.Attribute)) and chain(made) not in _OF_THE_FRAMEWORK
    if thing is None and named and not view.way.by_name(node, scope) and _is_unknown(chain(made), scope, view):
        yield chain(made)


def _of_unit(unit: Unit, view: View) -> set[str]:
    known: set[str] | None = unit.memo.get("lost")
    if known is None:
        known = unit.memo["lost"] = set()
        for arg, default, scope in unit.given:
            for node, place in needs(view.resolver, arg, default, scope):
                known.update(_dead_end(node, place, view))
        for seen in seen_calls(unit, view.resolver):
            lost = isinstance(seen.thing, External) and _leads_nowhere(seen.raw, seen.call.scope, view)
            if lost and not seen.method[:1].isupper():  # a class of data does no job
                known.add(seen.raw)
    return known


def _of_app(app: Module, view: View) -> set[str]:
    """Return the middleware of an application's file that leads nowhere."""
    known: set[str] | None = app.unit.memo.get("lost middleware")
    if known is None:
        known = app.unit.memo["lost middleware"] = set()
        for unit in (app.unit, *app.units):
            for seen in view.calls(unit):
                if seen.method not in ("add_middleware", "Middleware") or not seen.call.node.args:
                    continue
                given = seen.call.node.args[0]
                thing = view.resolver.what(given, seen.call.scope)
                if thing is None or _leads_nowhere(chain(given), seen.call.scope, view):
                    known.add(chain(given))
    return known


def _leads_nowhere(name: str, scope: Scope, view: View) -> bool:
    """Return whether a name comes from an import of the project's own that leads to no file, or to none with it."""
    root = name.partition(".")[0]
    bound = scope.lookup(root)
    if not isinstance(bound, Import) or root.isupper():  # a constant does no job
        return False
    project, module = view.project, scope.unit.module
    home = project.named(bound.module, module)
    if home is None:
        if bound.member is not None and bound.module and project.named(f"{bound.module}.{bound.member}", module):
            return False
        return bound.module.startswith(".") or project.owns(bound.module.partition(".")[0], module)
    if bound.member is None or bound.member in home.scope.bindings or home.stars:
        return False
    return project.named(f"{bound.module}.{bound.member}", module) is None


def _is_unknown(name: str, scope: Scope, view: View) -> bool:
    """Return whether nothing says where a name comes from: what a library's object makes is followed by its names."""
    root = name.partition(".")[0]
    for _ in range(8):
        found = view.resolver.where(ast.Name(root, ast.Load()), scope)
        if found is None:
            return not hasattr(builtins, root)
        bound, scope = found
        if isinstance(bound, Import):
            return _leads_nowhere(root, scope, view)
        if isinstance(bound, (Class, Unit)):
            return False  # what it inherits is a library's
        value = bound_value(bound)
        root = chain(value).partition(".")[0]
        if not root:
            break
    return True
