"""What every loop does.

When it runs again, and how a failed read is bounded, named and dated while the last good value is kept.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.settings.model import RedisTarget

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 5.0


def heed_cancellation() -> None:
    """Raise CancelledError if this task was cancelled and a call below swallowed it.

    Before Python 3.12 ``asyncio.wait_for`` does so if its result is ready in the same moment, and clients that use it
    pass that on: a loop would outlive its screen.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class IntervalTimer:
    """The intervals of one loop. ``factor`` multiplies them; 0 pauses the loop until it is woken or paced again."""

    def __init__(self) -> None:
        self.factor = 1.0
        self._changed = asyncio.Event()
        self._woken = False

    def wake(self) -> None:
        """End the present rest, or the next one if the loop is busy."""
        self._woken = True
        self._changed.set()

    def pace(self, factor: float) -> None:
        """Multiply the intervals from now on, including the present one."""
        if factor != self.factor:
            self.factor = max(0.0, factor)
            self._changed.set()

    async def rest(self, seconds: float) -> None:
        """Wait ``seconds`` × factor, or until woken."""
        heed_cancellation()
        now = asyncio.get_running_loop().time
        started = now()
        while not self._woken:
            self._changed.clear()
            left = None if self.factor == 0 else started + seconds * self.factor - now()
            if left is not None and left <= 0:
                break
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                break
        self._woken = False


class Backoff:
    """Seconds to wait after each of several failures in a row."""

    def __init__(self) -> None:
        self._next = FIRST_RETRY_SECONDS

    def failed(self) -> float:
        """Note a failure and return the seconds to wait now."""
        delay, self._next = self._next, min(self._next * 2, LAST_RETRY_SECONDS)
        return delay

    def worked(self) -> None:
        """Note a success: the next failure starts from the shortest wait."""
        self._next = FIRST_RETRY_SECONDS


T = TypeVar("T")

READ_SECONDS = 3.0
"""Deadline of every read, whatever hangs."""
ASK_AGAIN_SECONDS = 1e9
"""The pause after a refused login: only the operator's refresh tries again, so that no account gets locked."""


async def bounded(read: Awaitable[T], seconds: float = READ_SECONDS) -> T:
    """Return the result of ``read``.

    Raises:
        TimeoutError: It took longer than ``seconds``.
    """
    async with asyncio.timeout(seconds):
        result = await read
    heed_cancellation()
    return result


def outages() -> tuple[type[Exception], ...]:
    """Return the exceptions that a read from Redis may raise without being a bug."""
    from optimus_tui.probes.faults import OUTAGES

    return (*OUTAGES, TimeoutError)


def unforeseen() -> tuple[type[Exception], ...]:
    """Return the exceptions that an answer of an unexpected shape raises in the code that reads it."""
    from optimus_tui.probes.redis.unforeseen import UNFORESEEN

    return UNFORESEEN


def unreadable_answer(error: BaseException) -> Fault:
    """Return the fault for an HTTP answer that could not be read."""
    return Fault("invalid", f"its answer cannot be read ({type(error).__name__})", "check what answers there")


def redis_fault(error: BaseException, target: RedisTarget) -> Fault:
    """Return the fault for an exception of a read from Redis."""
    from optimus_tui.probes.faults import fault_of

    return fault_of(error, target)


def kept(last: Reading[T] | None, fault: Fault, retry_in: float | None, clock: Clock) -> Reading[T]:
    """Return the last good value with its old time, and the fault.

    Args:
        last: The last reading; None before the first.
        fault: Why the new one failed.
        retry_in: Seconds until the next try; None if there is none.
        clock: The clock for a reading without a value.
    """
    if last is None:
        return Reading(value=None, taken_at=clock.wall(), taken_mono=clock.mono(), fault=fault, retry_in=retry_in)
    return replace(last, fault=fault, retry_in=retry_in)


def next_try(fault: Fault | None, backoff: Backoff) -> tuple[float, float | None]:
    """Note a failed read of Redis and return when to read again.

    Returns:
        The seconds to wait now, and the seconds until the next try: None after a refused login, which only the
        operator's refresh tries again.
    """
    if login_refused(fault):
        return ASK_AGAIN_SECONDS, None
    delay = backoff.failed()
    return delay, delay


def login_refused(fault: Fault | None) -> bool:
    """Return True if the login was refused: trying again with the same password can only do harm."""
    return fault is not None and fault.kind == "auth"
