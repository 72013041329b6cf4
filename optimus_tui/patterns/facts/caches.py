"""Facts about caches: which routes keep their answers in one, and which caches belong to one tenant."""

import ast
import re

from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import CACHES, REDIS, chain, is_tenant, words

_THROUGH = ("fetch", "get_or_set", "remember", "wrap", "cached", "memoize", "through", "read_through", "get_or_load")
_FOR_ALL = frozenset({"shared", "global", "public", "common"})
_MAKES = re.compile(r"(?:^|_)(?:connection|conn|session|engine|pool|client)(?:_(?:for|of|to|by|from)_\w*)?$")
"""Names of functions that make these: what they keep is kept for its own sake, such as which database a tenant has."""
_DEEPEST = 4


def keeps_answers(view: View, route: Route) -> bool:
    """Return whether a route, or a function that it calls, looks answers up in a cache and stores them there.

    A cache behind a shared dependency makes no route a cached one.
    """
    done: set[str] = set()
    outer = route.handler.scope.parent or route.handler.scope
    for one in route.handler.decorators:
        if one is not route.call and "cache_read" in view.way.by_name(one, outer):
            return True
    todo: list[tuple[Unit, int]] = [(route.handler, 0)]
    seen_units: set[int] = set()
    while todo:
        unit, depth = todo.pop()
        if id(unit) in seen_units or depth > _DEEPEST:
            continue
        seen_units.add(id(unit))
        done |= jobs_of(unit, view.resolver).flags
        for seen in view.calls(unit):
            if seen.method in _THROUGH and seen.about & (CACHES | REDIS):
                return True
            if isinstance(seen.thing, Unit) and not _MAKES.search(seen.method):
                todo.append((seen.thing, depth + 1))
    return {"cache_read", "cache_write"} <= done


def without_tenant(view: View) -> set[int]:
    """Return the functions of this file that run only for routes without a tenant."""
    knowing: set[int] = set()
    others: set[int] = set()
    for route in view.served:
        units = {id(unit) for unit in view.units(route)}
        if "tenant" in view.flags(route) and not _is_for_all(view, route):
            knowing |= units
        else:
            others |= units
    return others - knowing


def _is_for_all(view: View, route: Route) -> bool:
    """Return whether the handler takes nothing that could tell one caller from another: its answer is for everybody."""
    return (
        not route.handler.params and not route.declared and "tenant" not in jobs_of(route.handler, view.resolver).flags
    )


def is_one_tenants(view: View, seen: Seen) -> bool:
    """Return whether the cache object is one tenant's, adds the tenant to its keys by itself, or is meant for all."""
    if isinstance(seen.thing, Unit) and "tenant" in view.way.done_by([seen.thing]):
        return True
    node: ast.AST = seen.call.node.func
    while isinstance(node, (ast.Attribute, ast.Await)):
        node = node.value
    if isinstance(node, ast.Name):
        bound = seen.call.scope.lookup(node.id)
        node = getattr(bound, "value", None) or node
    if isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return False
    named = [*map(chain, node.args), *(word.arg or "" for word in node.keywords)]
    if any(map(is_tenant, named)) or words(chain(node.func)) & _FOR_ALL:
        return True
    made = view.resolver.what(node.func, seen.call.scope)
    return isinstance(made, Unit) and "tenant" in view.way.done_by([made])
