"""Run each action in a thread with an event loop of its own, so that a blocked screen does not delay it.

When the caller is cancelled, the action stops after its batch. No action delays the end of the process by more than a
few seconds; what is left is an interrupted action, which the next start offers.
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
"""How long closing waits for actions that were told to stop."""


class ActionThreads:
    """The running actions of one service."""

    def __init__(self) -> None:
        self._running: dict[threading.Thread, threading.Event] = {}

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], cancel: threading.Event) -> T:
        """Run the work to its end in a thread of its own. If the caller is cancelled, ``cancel`` is set."""
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
        """Tell all actions to stop after their batch, and wait for them for at most ``seconds``."""
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
