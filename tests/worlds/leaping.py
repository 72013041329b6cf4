"""An event loop on which minutes pass in moments: where nothing is ready, it leaps to the next timer.

Everything that takes part must live on this loop (the scripted services do). Off by default: then time is real.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any

from optimus_tui.clock import Clock

QUIET_SECONDS = 0.001
"""Nothing may be ready for so long before the loop leaps."""


class _LeapingSelector(selectors.DefaultSelector):
    """Waits a moment for input, then moves the loop's time instead of waiting."""

    loop: "LeapingLoop"

    def select(self, timeout: float | None = None) -> Any:
        if not self.loop.leaping or timeout is None or timeout <= QUIET_SECONDS:
            return super().select(timeout)
        events = super().select(QUIET_SECONDS)
        if events or self.loop.threads_busy:
            return events
        self.loop.leapt += timeout - QUIET_SECONDS
        return events


class LeapingLoop(asyncio.SelectorEventLoop):
    """``leapt`` is the number of seconds by which its time is ahead of real time."""

    def __init__(self) -> None:
        self.leapt, self.leaping, self.threads_busy = 0.0, False, 0
        selector = _LeapingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Real monotonic seconds plus what was leapt."""
        return super().time() + self.leapt

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """As usual, and no leap while a thread works."""
        future = super().run_in_executor(executor, func, *args)
        self.threads_busy += 1
        future.add_done_callback(lambda _: self._one_thread_less())
        return future

    def _one_thread_less(self) -> None:
        self.threads_busy -= 1


class WorldClock(Clock):
    """Both clocks of a world: they began ``past_seconds`` ago and leap with the loop, so that they end at real time."""

    def __init__(self, loop: LeapingLoop, past_seconds: float) -> None:
        self._loop, self._past = loop, past_seconds
        self.began = time.time() - past_seconds

    def wall(self) -> float:
        return time.time() + self._loop.leapt - self._past

    def mono(self) -> float:
        return time.monotonic() + self._loop.leapt

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self.wall() - self.began
