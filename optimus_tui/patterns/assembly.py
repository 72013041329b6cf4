"""How routers and applications are put together: which router includes which, and what that declares for the routes."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Bound, Module, Scope
from optimus_tui.patterns.source.vocabulary import chain, first_argument

_ASSEMBLES = ("include_router", "FastAPI")


def inherited(module: Module, router: str, below: frozenset[str]) -> list[tuple[ast.expr, Scope]]:
    """Return what the routers of this file that include this one declare; of several, what all of them do."""
    ways: list[list[tuple[ast.expr, Scope]]] = []
    for parent, call in _parents(module).get(router, ()):
        if parent in below or parent == router:
            continue
        made = router_call(module, parent)
        way = [*listed(option_of(call, "dependencies"), module.scope)]
        if made is not None:
            way += listed(option_of(made, "dependencies"), module.scope)
        ways.append(way + inherited(module, parent, below | {router}))
    if len(ways) < 2:
        if ways:
            return ways[0]
        return []
    shared = set.intersection(*({ast.dump(node) for node, _ in way} for way in ways))
    return [pair for pair in ways[0] if ast.dump(pair[0]) in shared]


def _parents(module: Module) -> dict[str, list[tuple[str, ast.Call]]]:
    """Return by a router's name which routers of this file include it, with the call that does."""
    known: dict[str, list[tuple[str, ast.Call]]] | None = module.unit.memo.get("parents")
    if known is None:
        known = module.unit.memo["parents"] = {}
        for name, call in _assembly(module):
            if name == "include_router" and call.args:
                parent = chain(call.func).rpartition(".")[0]
                known.setdefault(chain(call.args[0]), []).append((parent, call))
    return known


def includes_others(module: Module) -> bool:
    """Return whether the file gathers routers of other files, and so answers requests without a route of its own."""
    return any(name == "include_router" for name, _ in _assembly(module))


def router_call(module: Module, name: str) -> ast.Call | None:
    """Return the call that made the router: ``APIRouter(…)`` at module level, in a function, or on ``self``."""
    made: dict[str, ast.Call | None] = module.unit.memo.setdefault("routers", {})
    if name not in made:
        made[name] = _find_router_call(module, name)
    return made[name]


def _find_router_call(module: Module, name: str) -> ast.Call | None:
    last = name.rpartition(".")[2]
    bound = module.scope.bindings.get(last)
    if isinstance(bound, Bound) and isinstance(bound.value, ast.Call):
        return bound.value
    for owner in module.classes:
        kept = owner.attributes.get(last)
        if kept is not None and isinstance(kept[0].value, ast.Call):
            return kept[0].value
    for unit in module.units:
        inner = unit.scope.bindings.get(last)
        if isinstance(inner, Bound) and isinstance(inner.value, ast.Call):
            return inner.value
    return None


def listed(node: ast.expr | None, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
    """Yield the elements of a list that is written in place or stored under a name."""
    if isinstance(node, ast.Name):
        bound = scope.lookup(node.id)
        node = bound.value if isinstance(bound, Bound) else None
    if isinstance(node, ast.BinOp):
        yield from listed(node.left, scope)
        yield from listed(node.right, scope)
    for one in getattr(node, "elts", []):
        if isinstance(one, ast.Starred):
            yield from listed(one.value, scope)
        else:
            yield one, scope


def declared_on_apps(module: Module, apps: list[Module]) -> tuple[tuple[ast.expr, Scope], ...]:
    """Return the dependencies given to ``FastAPI(…)``, or to the ``include_router`` for this module's router."""
    found: list[tuple[ast.expr, Scope]] = []
    for app in (module, *apps):
        for name, call in _assembly(app):
            if name == "FastAPI" or _is_ours(call, app, module):
                found += listed(option_of(call, "dependencies"), app.scope)
    return tuple(found)


def _assembly(app: Module) -> list[tuple[str, ast.Call]]:
    """Return the calls that assemble an application; they are searched once."""
    known: list[tuple[str, ast.Call]] | None = app.unit.memo.get("assembly")
    if known is None:
        units = (app.unit, *app.units)
        assembles = any(not one.attrs.isdisjoint(_ASSEMBLES) or "FastAPI" in one.loads for one in units)
        if not assembles and "include_router" not in app.unit.loads:
            app.unit.memo["assembly"] = []
            return []
        calls = [call.node for unit in units for call in unit.calls]
        named = [(getattr(one.func, "attr", getattr(one.func, "id", "")), one) for one in calls]
        known = app.unit.memo["assembly"] = [pair for pair in named if pair[0] in _ASSEMBLES]
    return known


def _is_ours(call: ast.Call, app: Module, module: Module) -> bool:
    name = chain(first_argument(call))
    if app is module:
        return router_call(module, name) is None  # one that is made here inherits it by its name
    bound = app.scope.bindings.get(name.partition(".")[0])
    where = getattr(bound, "module", "")
    member = getattr(bound, "member", None) or ""
    return module.dotted in (where, f"{where}.{member}") or module.dotted.endswith(f".{name.partition('.')[0]}")


def option_of(node: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument, or None."""
    return next((word.value for word in node.keywords if word.arg == name), None)
