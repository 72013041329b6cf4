"""The same work, asked for by many at once, done once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SharedWork(Generic[Result]):
    """One at a time for each name. Whoever comes while one is at work shares the next one, which begins after he came.

    So nobody gets a result of before his question. All share the result itself, or the exception.
    """

    def __init__(self) -> None:
        self._at_work: dict[Hashable, asyncio.Task[Result]] = {}
        self._next: dict[Hashable, asyncio.Task[Result]] = {}

    async def run(self, name: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of `work`, or of that of somebody who asked before it began."""
        task = self._next.get(name)
        if task is None:
            task = self._next[name] = asyncio.create_task(self._take_turn(name, work))
            task.add_done_callback(forget_failure)
        return await asyncio.shield(task)

    async def _take_turn(self, name: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        if name in self._at_work:
            await asyncio.wait({self._at_work[name]})
        task = self._at_work[name] = self._next.pop(name)
        try:
            return await work()
        finally:
            if self._at_work.get(name) is task:
                del self._at_work[name]


def forget_failure(task: asyncio.Task[Any]) -> None:
    """Keep a failure that nobody waits for any more from being reported as overlooked."""
    if not task.cancelled():
        task.exception()
