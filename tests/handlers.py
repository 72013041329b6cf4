"""Look for what handles a message once: Textual does so for each of them, which took a tenth of its time.

It goes through all base classes of a widget, and asks for the signature of each function that is called later.
"""

from collections.abc import Iterator
from functools import cache
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import Any

from textual import _callback
from textual.message_pump import MessagePump

_look = MessagePump._get_dispatch_methods
_read_signature = _callback._count_parameters


def _parameters(called: Any) -> int:
    """Return how many parameters a function takes: its code says it, where nothing stands in for another function."""
    function = getattr(called, "__func__", called)
    if type(function) is not FunctionType or "__wrapped__" in function.__dict__:
        return _read_signature(called)
    code = function.__code__
    more = bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + more - (function is not called)


@cache
def _places(kind: Any, name: str, message: Any) -> tuple[tuple[type, str], ...] | None:
    """Return the classes that handle a message by a method's name, and that name; None where a decorator names it."""
    decorated = [one.__dict__.get("_decorated_handlers") or {} for one in kind.__mro__]
    if any(one in handlers for one in message.__mro__ for handlers in decorated):
        return None
    both = (f"_{name}", name)
    found = ((one, next((each for each in both if one.__dict__.get(each)), "")) for one in kind.__mro__)
    return tuple(place for place in found if place[1])


def _handlers(pump: Any, name: str, message: Any) -> Iterator[Any]:
    """Yield what Textual would: each class with its handler, until one of them wants no other."""
    of: Any = type(pump)
    places = _places(of, name, message.__class__)
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
    _callback._count_parameters = _parameters  # type: ignore[assignment]
