"""The threads that actions run in, each with an event loop of its own: a stalled screen does not hold them up.

Whoever asked may go away: then the action is told to stop after its batch. None of them keeps the process from ending
for longer than a few seconds; what is left then is an interrupted action, which the next start offers.
"""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from optimus_tui.threads import DaemonThreads

T = TypeVar("T")
LEAVE_SECONDS = 5.0
"""How long the end waits for actions that were told to stop."""


class ActionThreads:
    """Those of one desk."""

    def __init__(self) -> None:
        self._running: dict[threading.Thread, threading.Event] = {}

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], cancel: threading.Event) -> T:
        """Run it to its end in a thread of its own; when the caller is cancelled, ``cancel`` is set."""
        future: Future[T] = Future()
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._work, future, work), name="action", daemon=True)
        self._running[thread] = cancel
        thread.start()
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            cancel.set()
            raise

    def stop(self, seconds: float = LEAVE_SECONDS) -> None:
        """Tell all of them to stop after their batch, and wait for them so long at most."""
        until = time.monotonic() + seconds
        for thread, cancel in list(self._running.items()):
            cancel.set()
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self, future: "Future[T]", work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.get_loop().set_default_executor(DaemonThreads())
                future.set_result(runner.run(work()))
        except BaseException as error:
            future.set_exception(error)
        finally:
            self._running.pop(threading.current_thread(), None)
