"""Compare what routers declare with what Redis holds. Pure: names in, differences out.

What is declared and was not seen may not have been used yet, so that difference is of low priority; where the keyspace
was not read completely, it is not reported at all.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple

DriftKind = Literal[
    "operation never seen", "kind never seen", "operation undeclared", "kind undeclared", "key without TTL"
]


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


def drift(declared: Declared, seen: Observed, helpers: Collection[str] = ()) -> list[Drift]:
    """Return every difference, the worst first. ``helpers`` are kinds of the gateway itself (its own tracking)."""
    found = [_endless(name, declared, seen) for name in sorted(declared.kinds & seen.immortal_kinds.keys())]
    found += [
        Drift(
            "operation undeclared", name, "medium", f"Redis counts {name}, which no router declares",
            "An old counter, another service, or a router outside of the tree.",
        )
        for name in sorted(seen.operations - declared.operations)
    ]  # fmt: skip
    found += [
        Drift(
            "kind undeclared", name, "medium", f"Redis holds cache keys of the kind {name}, which no router declares",
            "Nothing invalidates them: remove them, or declare who writes them.",
        )
        for name in sorted(seen.kinds - declared.kinds - set(helpers))
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
        reason = "though the code stores it for a time"
        fix = "Look for a writer that does not go through the gateway's cache."
    return Drift("key without TTL", name, "high", f"{keys}, {reason}", fix)


def _unseen(declared: Declared, seen: Observed) -> list[Drift]:
    operations = [
        Drift(
            "operation never seen", name, "low", f"{name} is declared, and Redis holds no counter of it",
            "Nobody called it within a window, or its limit is not enforced.",
        )
        for name in sorted(declared.operations - seen.operations)
    ]  # fmt: skip
    kinds = [
        Drift(
            "kind never seen", name, "low", f"{name} is declared, and Redis holds no cache key of it",
            "Nobody read it lately, or it is never stored.",
        )
        for name in sorted(declared.kinds - seen.kinds)
    ]  # fmt: skip
    return [*operations, *kinds]
