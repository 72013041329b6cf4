"""Find a parameter's dependencies, also behind an alias, and tenants that are invented where the caller names none."""

import ast

from optimus_tui.patterns.facts.model import Bound, Scope, Unit
from optimus_tui.patterns.source.names import chain, is_tenant, text_of, words
from optimus_tui.patterns.source.resolve import Resolver


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
            return [(target, home)]  # type: ignore[list-item]
        if annotation is not None and chain(default.func).rpartition(".")[2] == "Depends":
            return [(annotation, scope)]
    return []


def _of_annotation(resolver: Resolver, annotation: ast.expr, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """Return the dependencies of an alias, resolved once per name and scope."""
    if not isinstance(annotation, ast.Name):
        return _written(resolver, annotation, scope)
    key = f"needs {annotation.id}"  # no name holds a blank
    known: list[tuple[ast.expr, Scope]] | None = scope.things.get(key)
    if known is None:
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


_SOURCES = frozenset({"headers", "header", "params", "cookies", "claims", "payload", "token", "state", "session"})
_LABELS = frozenset({"", "-", "unknown", "none", "null", "n/a", "?"})


def falls_back(node: ast.expr) -> bool:
    """Return whether the expression reads a tenant from the request and has a text of its own as default."""
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
