"""Daemon threads that do not keep the process alive, and waits with a time limit.

A hanging thread (a lock, a disk that does not answer, a name look-up) cannot be stopped from outside. So the threads
are daemon threads, every wait for one has a limit, and a thread that is left running is reported (``Unanswered``).
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 64
"""Threads of one executor; more work waits until one of them is free."""


class Unanswered(TimeoutError):
    """Raised if the work did not end in time; its ``thread`` still runs."""

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__("no answer in time")
        self.thread = thread


def within(seconds: float, work: Callable[[], T], name: str) -> T:
    """Run ``work`` in a daemon thread and return its result, or raise its exception.

    Raises:
        Unanswered: it takes longer than ``seconds``.
    """
    future: Future[T] = Future()
    thread = threading.Thread(target=_settle, args=(future, work), name=name, daemon=True)
    thread.start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # the work's own TimeoutError
            raise
        raise Unanswered(thread) from None


class DaemonThreads(ThreadPoolExecutor):
    """An executor for an event loop; neither ``asyncio.run`` nor the interpreter waits for its threads at the end."""

    def __init__(self, name: str = "worker", most: int = MOST) -> None:
        super().__init__(1)  # its own threads are never started
        self._label, self._most = name, most
        self._guard = threading.Lock()
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = 0

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Run ``fn`` in a thread, now or as soon as one is free."""
        future: Future[T] = Future()
        with self._guard:
            self._jobs.append((future, lambda: fn(*args, **kwargs)))
            start = self._running < self._most
            self._running += start
        if start:
            threading.Thread(target=self._work, name=self._label, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Drop the tasks that have not begun. Running ones are not waited for, whatever ``wait`` says."""
        with self._guard:
            while self._jobs:
                self._jobs.popleft()[0].cancel()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._jobs:
                    self._running -= 1
                    return
                future, work = self._jobs.popleft()
            if future.set_running_or_notify_cancel():
                _settle(future, work)


def _settle(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
