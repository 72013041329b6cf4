"""Classify calls on a cache: look-up, fill, or invalidation. Releasing a lock and counting are none of these."""

import ast

from optimus_tui.patterns.facts.model import Bound, Unit
from optimus_tui.patterns.facts.named_jobs import CacheCall
from optimus_tui.patterns.source.calls import Seen
from optimus_tui.patterns.source.names import first_argument, text_of


def cache_jobs(seen: Seen, unit: Unit, call: CacheCall) -> set[str]:
    """Return which cache jobs a call on a cache or on Redis does, judged by its key."""
    if call == "writes":
        return {"cache_write"}
    if call == "removes":
        if key_mentions(seen, unit, ("lock", "session", "rate_limit")):
            return set()
        return {"invalidates"}
    others = ("rate_limit", "ratelimit", "limit:", "lock:", "session:")
    if key_mentions(seen, unit, others):
        return set()
    return {"cache_read"}


def key_mentions(seen: Seen, unit: Unit, parts: tuple[str, ...]) -> bool:
    """Return whether the key, in the call or under a name in the same function, contains one of the words."""
    first = first_argument(seen.call.node)
    if isinstance(first, ast.Name):
        bound = seen.call.scope.bindings.get(first.id)
        if isinstance(bound, Bound):
            first = bound.value
    text = (text_of(first) or "").lower()
    return any(part in text for part in parts)
