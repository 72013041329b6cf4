"""What a call hands on: a cache's own method as a callback, a database session for somebody else to ask with.

It refuses to look at calls whose source can be seen: those are followed instead.
"""

import ast

from optimus_tui.patterns import vocabulary
from optimus_tui.patterns.calls import Seen
from optimus_tui.patterns.facts import Param, Scope, Unit
from optimus_tui.patterns.names import LOG_METHODS, chain, words

_HTTP = frozenset({"http", "client", "aiohttp", "httpx"})


def jobs_handed_on(seen: Seen) -> set[str]:
    """``tasks.add_task(cache.delete_prefix, …)`` invalidates; ``crud.get_users(db)`` asks the database."""
    found: set[str] = set()
    node = seen.call.node
    for given in node.args:
        if given.__class__ is ast.Attribute and _makes_go(given):
            found.add("invalidates")
    if seen.visible or not seen.method or seen.method[0].isupper() or seen.method in LOG_METHODS:
        return found
    for given in (*node.args, *(word.value for word in node.keywords)):
        if given.__class__ is ast.Name and _is_session(given.id, seen.call.scope):
            found.add("db")
    return found


def _makes_go(callback: ast.Attribute) -> bool:
    spoken = words(callback.attr)
    if spoken & vocabulary.INVALIDATES:
        return True
    return bool(spoken & vocabulary.REMOVES and words(chain(callback.value)) & (vocabulary.CACHES | vocabulary.REDIS))


def _is_session(name: str, scope: Scope) -> bool:
    """A parameter that is named for a database, and not for a session of HTTP."""
    if words(name).isdisjoint(vocabulary.DB):
        return False
    place: Scope | None = scope
    while place is not None:
        bound = place.bindings.get(name)
        if bound is not None:
            return isinstance(bound, Param) and words(chain(bound.node.annotation or bound.node)).isdisjoint(_HTTP)
        place = place.parent
    return False


def is_kept_unread(seen: Seen, unit: Unit) -> bool:
    """What the call answers gets a name, and nothing but a log ever reads it."""
    node = seen.call.node
    names = {
        name
        for name, bound in seen.call.scope.bindings.items()
        if node is getattr(value := getattr(bound, "value", None), "value", None) or node is value
    }
    if not names:
        return False
    logged = {
        id(one)
        for call in unit.calls
        if chain(call.node.func).rpartition(".")[2] in LOG_METHODS
        for one in ast.walk(call.node)
    }
    return not any(
        isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.id in names and id(one) not in logged
        for one in ast.walk(unit.node)
    )
