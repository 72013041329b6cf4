"""How the loops wait: for their intervals, or until they are woken."""

import asyncio


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
        self._resting: asyncio.Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """End the present rest, or the next one if the loop is busy."""
        self._woken = True
        self._end_rest()

    def pace(self, factor: float) -> None:
        """Multiply the intervals from now on, including the present one."""
        if factor != self.factor:
            self.factor = max(0.0, factor)
            self._end_rest()

    def _end_rest(self) -> None:
        if self._resting is not None and not self._resting.done():
            self._resting.set_result(None)

    async def rest(self, seconds: float) -> bool:
        """Wait ``seconds`` × factor, or until woken: then return True."""
        heed_cancellation()
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not self._woken:
            left = None if self.factor == 0 else started + seconds * self.factor - loop.time()
            if left is not None and left <= 0:
                break
            self._resting, due = loop.create_future(), None
            if left is not None:  # ``asyncio.timeout`` cancels the task: thrice as dear
                due = loop.call_later(left, self._end_rest)
            try:
                await self._resting
            finally:
                self._resting = None
                if due is not None:
                    due.cancel()
        woken, self._woken = self._woken, False
        return woken
