"""Run one coroutine without waiting for its leftover threads: a name look-up that hangs does not delay the answer.

The caller prints the result and then ends the process (see ``output.exit_now``).
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.settings.model import Settings

T = TypeVar("T")
CLOSE_SECONDS = 0.5


def to_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns. An interrupt cancels it and is raised as KeyboardInterrupt."""
    with asyncio.Runner() as runner:
        loop, threads = runner.get_loop(), ThreadPoolExecutor(8, thread_name_prefix="run_async")
        loop.set_default_executor(threads)
        try:
            return runner.run(work)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            loop.set_default_executor(ThreadPoolExecutor(1))  # the loop waits for this one, which has no thread


@asynccontextmanager
async def connected_to(settings: "Settings") -> "AsyncIterator[Context]":
    """Yield a context for one task, and close it afterwards within half a second."""
    from optimus_tui.context import Context

    context = Context(settings, keep_log=False)
    try:
        yield context
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await context.aclose()
