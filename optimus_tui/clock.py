"""The clock of a run, and the moment from which windows count.

Only the context creates a clock, so that tests can replace it by a fixed one.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)
"""On Linux the clock that counts on during sleep, so that deadlines also pass while a laptop is closed."""


class Clock:
    """Wall-clock seconds for people, monotonic seconds for durations."""

    def wall(self) -> float:
        """Return seconds since the epoch (UTC). The value may jump when the system's time is set."""
        return time.time()

    def mono(self) -> float:
        """Return monotonic seconds, which count on while the machine sleeps; only differences matter."""
        if _BOOT is None:
            return time.monotonic()
        return time.clock_gettime(_BOOT)


_FROM: ContextVar[float | None] = ContextVar("counting_from", default=None)


@contextmanager
def counting_from(wall: float | None) -> Iterator[None]:
    """Make every window that is queried in this block begin at ``wall`` or later; None changes nothing.

    A check after a remedy therefore counts only what came since, however long the tool's windows are.
    """
    token = _FROM.set(wall)
    try:
        yield
    finally:
        _FROM.reset(token)


def counted_from() -> float | None:
    """Return the wall-clock seconds at which windows in this block begin at the earliest; None for no bound."""
    return _FROM.get()


def counted_minutes(minutes: float, now: float) -> float:
    """Return the length in minutes of a window that ends ``now``: cut at ``counted_from``, and above 0."""
    start = _FROM.get()
    if start is None:
        return minutes
    return min(minutes, max(LEAST_MINUTES, (now - start) / 60))


LEAST_MINUTES = 0.001
