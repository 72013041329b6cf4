"""Which calls look a cache up, fill it, or make what is in it go. A lock that is released and a counter are neither."""

import ast

from optimus_tui.patterns import vocabulary
from optimus_tui.patterns.calls import Seen
from optimus_tui.patterns.facts import Bound, Class, Unit
from optimus_tui.patterns.names import text_of


def cache_jobs(seen: Seen, unit: Unit, flags: set[str], cache: bool, redis: bool, spoken: frozenset[str]) -> None:
    if not spoken.isdisjoint(vocabulary.INVALIDATES):
        flags.add("invalidates")
        return
    if not spoken.isdisjoint(vocabulary.ANNOUNCES) and not seen.about.isdisjoint(
        {"redis", "valkey", "coherence", "bus", "events", "event", "publisher", "cache", "channel", "invalidation"}
    ):
        flags.add("invalidates")
        return
    if not (cache or redis):
        return
    if isinstance(seen.thing, Class) or (seen.method[:1].isupper()):
        return
    if not spoken.isdisjoint(vocabulary.REMOVES):
        if not key_mentions(seen, unit, ("lock", "session", "rate_limit")):
            flags.add("invalidates")
    elif not spoken.isdisjoint(vocabulary.CACHE_WRITES) and "or" not in spoken:
        flags.add("cache_write")
    elif not spoken.isdisjoint(vocabulary.CACHE_READS) or (cache and not spoken.isdisjoint(vocabulary.CACHES)):
        if (
            spoken & vocabulary.PROVIDES
            and not seen.about
            and "get" in spoken
            and not seen.visible
            and cache
            and len(spoken) <= 3
        ) and ("manager" in spoken or "client" in spoken or spoken == {"get", "cache"}):
            return
        if not key_mentions(seen, unit, ("rate_limit", "ratelimit", "limit:", "lock:", "session:")):
            flags.add("cache_read")


def key_mentions(seen: Seen, unit: Unit, parts: tuple[str, ...]) -> bool:
    """The key that is written in the call, or kept under a name in the same function, holds one of the words."""
    first = seen.call.node.args[0] if seen.call.node.args else None
    if isinstance(first, ast.Name):
        bound = seen.call.scope.bindings.get(first.id)
        if isinstance(bound, Bound):
            first = bound.value
    text = (text_of(first) or "").lower()
    return any(part in text for part in parts)
