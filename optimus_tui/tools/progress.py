"""Report the progress of a running tool to whoever listens; without a listener it costs one look-up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Progress = Callable[[int, int | None, str], None]
"""(done, total or None where nobody knows it, what is counted). Called often: it returns at once and never raises."""

_LISTENER: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def listening(listener: Progress | None) -> Iterator[None]:
    """Send everything that this task and its children report to ``listener``."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def report(done: int, total: int | None, what: str) -> None:
    """Report ``done`` of ``total``, never more than all: a walk over the keys meets some names twice."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done if total is None else min(done, total), total, what)
