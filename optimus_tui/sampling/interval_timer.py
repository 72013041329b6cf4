"""When a loop runs again: after its interval, when woken, and slower or not at all while its pane is hidden.

A failed read is repeated after at least 0.5 s, after twice the time for each further failure, and after at most 5 s.
"""

import asyncio

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
