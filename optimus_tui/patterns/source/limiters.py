"""Limiters of libraries, whether they limit every route or only those that name them; and what answers 429."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Bound, Import, Module, Unit
from optimus_tui.patterns.source.resolve import External, Resolver, Seen
from optimus_tui.patterns.source.vocabulary import chain, is_limiter, words
from optimus_tui.syntax import walk

LIMITING = frozenset({"guard.SecurityMiddleware", "guard.middleware.SecurityMiddleware"})
"""Middlewares of libraries that limit requests though their names do not say so."""


def has_default(made: ast.Call) -> bool:
    """Return whether ``Limiter(…)`` of slowapi limits every route that its middleware sees."""
    return any(
        word.arg in ("default_limits", "application_limits") and getattr(word.value, "elts", [word.value])
        for word in made.keywords
    )


def imported_limiters(module: Module, resolver: Resolver) -> Iterator[bool]:
    """Yield for each limiter of slowapi that a module imports whether it has a limit by default."""
    for name, bound in module.scope.bindings.items():
        if not isinstance(bound, Import) or "limiter" not in words(name):
            continue
        found = resolver.where(module.name_of(name), module.scope)
        value = found[0].value if found is not None and isinstance(found[0], Bound) else None
        if found is None or not isinstance(value, ast.Call):
            continue
        made = resolver.what(value.func, found[1])
        calls = [one.node for one in made.calls] if isinstance(made, Unit) else [value]
        yield from (has_default(one) for one in calls if chain(one.func).rpartition(".")[2] == "Limiter")


def makes_limiter(unit: Unit, resolver: Resolver) -> bool:
    """Return whether a function returns a library's limiter that is a dependency: ``return RateLimiter(times=5)``."""
    for returned in unit.returned:
        value = returned.node.value if isinstance(returned.node, ast.Return) else None
        if isinstance(value, ast.Call) and is_limiter(chain(value.func)):
            made = resolver.what(value.func, returned.scope)
            if isinstance(made, External) and "depends" in made.dotted:
                return True
    return False


def ends_request(seen: Seen, unit: Unit) -> bool:
    """Return whether a limiter's verdict ends a function: ``if not rate_limit(key): return …``."""
    node = seen.call.node
    names = {
        name for name, bound in seen.call.scope.bindings.items() if isinstance(bound, Bound) and bound.value is node
    }
    for one in walk(unit.node):
        if isinstance(one, ast.If) and isinstance(one.body[-1], (ast.Return, ast.Raise)):
            asked = list(walk(one.test))
            if node in asked or any(isinstance(part, ast.Name) and part.id in names for part in asked):
                return True
    return False


def refuses(node: ast.Raise | ast.Return) -> bool:
    """Return True if a statement answers 429: ``raise HTTPException(429)``, ``return JSONResponse(…, 429)``."""
    value = node.exc if isinstance(node, ast.Raise) else node.value
    if value is None:
        return False
    name = chain(value)
    if isinstance(node, ast.Raise) and (is_limiter(name) or "TooMany" in name):
        return True
    if not isinstance(value, ast.Call):
        return False
    given = [*value.args, *(word.value for word in value.keywords)]
    return any(
        (isinstance(one, ast.Constant) and one.value == 429) or chain(one).endswith(("TOO_MANY_REQUESTS", "HTTP_429"))
        for one in given
    )
