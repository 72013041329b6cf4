"""What a function passes on to code outside of the tree, and results that it stores without reading them."""

import ast
from functools import lru_cache

from optimus_tui.patterns.facts.model import Bound, Unit
from optimus_tui.patterns.source import vocabulary
from optimus_tui.patterns.source.resolve import Resolver, Seen, seen_calls
from optimus_tui.patterns.source.vocabulary import LOG_METHODS, chain, words

_HTTP = frozenset({"http", "client", "aiohttp", "httpx"})


def jobs_handed_on(unit: Unit, resolver: Resolver) -> set[str]:
    """Return the jobs of arguments that are passed to calls whose source is not in the tree; other calls are followed.

    ``tasks.add_task(cache.delete_prefix, …)`` invalidates; ``crud.get_users(db)`` queries the database.
    """
    found: set[str] = set()
    sessions = [arg.arg for arg, _, _ in unit.given if _speaks_of_a_database(arg.arg) and not _is_of_http(arg)]
    removes = any(map(_speaks_of_removal, unit.attrs))
    for seen in seen_calls(unit, resolver) if sessions or removes else ():
        node = seen.call.node
        for given in node.args if removes else ():
            if isinstance(given, ast.Attribute) and _makes_go(given):
                found.add("invalidates")
        if sessions and not seen.visible and not seen.method[:1].isupper() and seen.method not in LOG_METHODS:
            handed = (*node.args, *(word.value for word in node.keywords))
            if any(isinstance(one, ast.Name) and one.id in sessions for one in handed):
                found.add("db")
    return found


@lru_cache(maxsize=20_000)
def _speaks_of_removal(name: str) -> bool:
    return not words(name).isdisjoint(vocabulary.INVALIDATES | vocabulary.REMOVES)


def _makes_go(callback: ast.Attribute) -> bool:
    spoken = words(callback.attr)
    if spoken & vocabulary.INVALIDATES:
        return True
    return bool(spoken & vocabulary.REMOVES and words(chain(callback.value)) & (vocabulary.CACHES | vocabulary.REDIS))


@lru_cache(maxsize=20_000)
def _speaks_of_a_database(name: str) -> bool:
    return not words(name).isdisjoint(vocabulary.DB)


def _is_of_http(arg: ast.arg) -> bool:
    """Return whether a session is one of HTTP."""
    return arg.annotation is not None and not words(chain(arg.annotation)).isdisjoint(_HTTP)


def is_kept_unread(seen: Seen, unit: Unit) -> bool:
    """Return whether the result gets a name in a function, and nothing but a log reads it."""
    node, scope = seen.call.node, seen.call.scope
    names = {
        name
        for name, bound in scope.bindings.items()
        if isinstance(bound, Bound) and (bound.value is node or getattr(bound.value, "value", None) is node)
    }
    if not names - {"_"} or scope.kind in ("class", "module"):
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
