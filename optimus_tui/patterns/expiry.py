"""Decide whether what a ``set`` stores ever expires. Where an option may hold the expiry, it counts as expiring."""

from optimus_tui.patterns.calls import Seen
from optimus_tui.patterns.facts import Unit
from optimus_tui.patterns.view import View

_EXPIRIES = frozenset({"ex", "px", "exat", "pxat", "keepttl", "ttl", "expire", "timeout"})
_DATES = ("expire", "pexpire", "expireat")


def stays(seen: Seen, unit: Unit, view: View) -> bool:
    """Return whether ``redis.set(key, value)`` has no expiry and gets none later in the same function."""
    node = seen.call.node
    if len(node.args) > 2 or any(word.arg in _EXPIRIES or word.arg is None for word in node.keywords):
        return False
    return not any(other.method in _DATES for other in view.calls(unit))
