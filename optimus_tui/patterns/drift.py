"""Read what routers declare, and compare it with what Redis holds. Pure: names in, differences out.

A declared name that was not seen may just not have been used yet. It is reported, with low priority, only if there is
also an undeclared name, which may be the same one renamed, and if the whole keyspace was read.
"""

import ast
from typing import Literal, NamedTuple

from optimus_tui.patterns.facts.keys import key_of
from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, is_limiter, text_of

DriftKind = Literal[
    "operation never seen",
    "kind never seen",
    "operation undeclared",
    "kind undeclared",
    "key without TTL",
    "counter without TTL",
    "limit differs",
    "route not served",
    "route undeclared",
]
_EXPIRIES = frozenset({"ex", "px", "exat", "pxat", "keepttl", "ttl", "expire", "timeout"})
_DATES = ("expire", "pexpire", "expireat")
_LIMITS = "rate_limit:"
_CACHES = "cache:"
_WITH_KIND = ("fetch", "generate_cache_key", "remember", "key")


class Declared(NamedTuple):
    """Names written in the routers. ``kinds_with_ttl``: those whose code sets an expiry."""

    operations: frozenset[str]
    kinds: frozenset[str]
    kinds_with_ttl: frozenset[str] = frozenset()


class Observed(NamedTuple):
    """Names found in Redis; ``complete`` tells whether all names were read."""

    operations: frozenset[str]
    kinds: frozenset[str]
    immortal_kinds: dict[str, int]
    complete: bool


class Drift(NamedTuple):
    """One difference between the routers and Redis."""

    kind: DriftKind
    name: str
    priority: Literal["high", "medium", "low"]
    message: str
    fix: str


def drift(declared: Declared, seen: Observed) -> list[Drift]:
    """Return every difference, the worst first."""
    found = [_endless(name, declared, seen) for name in sorted(declared.kinds & seen.immortal_kinds.keys())]
    found += [
        Drift(
            "operation undeclared", name, "medium", f"Redis counts {name}, which no router declares",
            "See what writes it: an old version, another service, or a router outside of the tree.",
        )
        for name in sorted(seen.operations - declared.operations)
    ]  # fmt: skip
    found += [
        Drift(
            "kind undeclared", name, "medium", f"Redis holds cache keys of the kind {name}, which no router declares",
            "Nothing invalidates them: remove them, or declare who writes them.",
        )
        for name in sorted(seen.kinds - declared.kinds)
    ]  # fmt: skip
    if seen.complete:
        return [*found, *_unseen(declared, seen)]
    return found


def _endless(name: str, declared: Declared, seen: Observed) -> Drift:
    count = seen.immortal_kinds[name]
    keys = f"1 key of the kind {name} never expires"
    if count > 1:
        keys = f"{count:,} keys of the kind {name} never expire"
    reason, fix = "as the code stores it: without an expiry", "Give it one: redis.set(key, value, ex=300)."
    if name in declared.kinds_with_ttl:
        reason = "though the code stores it with an expiry"
        fix = "Look for a writer that does not go through the gateway's cache."
    return Drift("key without TTL", name, "high", f"{keys}, {reason}", fix)


def _unseen(declared: Declared, seen: Observed) -> list[Drift]:
    operations = [
        Drift(
            "operation never seen", name, "low", f"{name} is declared, and Redis holds no counter of it",
            "See whether it was not called within a window, or is counted under another name.",
        )
        for name in sorted(declared.operations - seen.operations)
        if seen.operations - declared.operations
    ]  # fmt: skip
    kinds = [
        Drift(
            "kind never seen", name, "low", f"{name} is declared, and Redis holds no cache key of it",
            "See whether it was not read lately, or is stored under another name.",
        )
        for name in sorted(declared.kinds - seen.kinds)
        if seen.kinds - declared.kinds
    ]  # fmt: skip
    return [*operations, *kinds]


def stays(seen: Seen, unit: Unit, view: View) -> bool:
    """Return whether ``redis.set(key, value)`` has no expiry and gets none later in the same function."""
    node = seen.call.node
    if len(node.args) > 2 or any(word.arg in _EXPIRIES or word.arg is None for word in node.keywords):
        return False
    return not any(other.method in _DATES for other in view.calls(unit))


def declared(view: View) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return (operations, kinds, kinds that are stored without an expiry), each sorted.

    Only literal names count. Where an option may hold the expiry, a stored value counts as expiring.
    """
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
