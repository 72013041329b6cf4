"""Look for a class's handlers once: Textual goes through all base classes for each message, a 25th of its time."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from textual.message_pump import MessagePump

_look = MessagePump._get_dispatch_methods


@cache
def _places(kind: Any, name: str) -> tuple[tuple[type, str], ...] | None:
    """Return the classes that handle a message by a method's name, and that name; None where a decorator names any."""
    if any(one.__dict__.get("_decorated_handlers") for one in kind.__mro__):
        return None
    both = (f"_{name}", name)
    found = ((one, next((each for each in both if one.__dict__.get(each)), "")) for one in kind.__mro__)
    return tuple(place for place in found if place[1])


def _handlers(pump: Any, name: str, message: Any) -> Iterator[Any]:
    """Yield what Textual would: each class with its handler, until one of them wants no other."""
    of: Any = type(pump)
    places = _places(of, name)
    if places is None:
        yield from _look(pump, name, message)
        return
    for kind, own in places:
        if message._no_default_action:
            return
        method = kind.__dict__[own]
        if not getattr(method, "_textual_on", None):
            yield kind, method.__get__(pump, kind)


def keep_found() -> None:
    """Keep what was found for the messages to come; a test may replace a handler, and give no class a new one."""
    MessagePump._get_dispatch_methods = _handlers  # type: ignore[method-assign, assignment]
