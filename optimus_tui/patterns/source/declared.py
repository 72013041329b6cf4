"""Read what a router declares: operations that it limits, kinds that it caches, and whether these expire.

Only literal names count. Where an option may hold the expiry, a stored value counts as expiring.
"""

import ast

from optimus_tui.patterns.facts.keys import key_of
from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.source.names import chain, is_limiter, text_of
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View

_EXPIRIES = frozenset({"ex", "px", "exat", "pxat", "keepttl", "ttl", "expire", "timeout"})
_DATES = ("expire", "pexpire", "expireat")
_LIMITS = "rate_limit:"
_CACHES = "cache:"
_WITH_KIND = ("fetch", "generate_cache_key", "remember", "key")


def stays(seen: Seen, unit: Unit, view: View) -> bool:
    """Return whether ``redis.set(key, value)`` has no expiry and gets none later in the same function."""
    node = seen.call.node
    if len(node.args) > 2 or any(word.arg in _EXPIRIES or word.arg is None for word in node.keywords):
        return False
    return not any(other.method in _DATES for other in view.calls(unit))


def declared(view: View) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return (operations, kinds, kinds that are stored without an expiry), each sorted."""
    operations: set[str] = set()
    lasting: set[str] = set()
    kinds: set[str] = set()
    for unit, seen in view.every_call:
        if not seen.call.node.args:
            continue
        first = seen.call.node.args[0]
        if is_limiter(seen.raw) or is_limiter(seen.dotted):
            texts = [text for one in seen.call.node.args if (text := text_of(one)) is not None]
            operations.update(text for text in texts[:1] if text.isidentifier())
        elif seen.method in _WITH_KIND and "cache" in f"{seen.raw} {seen.dotted}".lower():
            kind = _text(first, view)
            if kind and kind.isidentifier():
                kinds.add(kind)
        if isinstance(first, (ast.JoinedStr, ast.Name, ast.Constant)):
            key = text_of(first if isinstance(first, ast.Constant) else key_of(seen.call.node, unit)) or ""
            if not key.startswith((_LIMITS, _CACHES)):
                continue
            _from_key(key, operations, kinds)
            if seen.method == "set" and key.startswith(_CACHES) and stays(seen, unit, view):
                _from_key(key, set(), lasting)
    return tuple(sorted(operations)), tuple(sorted(kinds)), tuple(sorted(lasting))


def _from_key(key: str, operations: set[str], kinds: set[str]) -> None:
    """Add the names in a key: ``rate_limit:{}:chat`` names an operation, ``cache:product:{}:{}`` a kind."""
    if key.startswith(_LIMITS) and key.rpartition(":")[2].isidentifier():
        operations.add(key.rpartition(":")[2])
    elif key.startswith(_CACHES) and key.count(":") >= 2 and key.split(":")[1].isidentifier():
        kinds.add(key.split(":")[1])


def _text(node: ast.expr, view: View) -> str | None:
    if isinstance(node, (ast.Name, ast.Attribute)):
        bound = view.module.scope.bindings.get(chain(node))
        return text_of(getattr(bound, "value", None))
    return text_of(node)
