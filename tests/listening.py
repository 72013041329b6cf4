"""A sink for samplers under test: it keeps what was handed on and waits for what is expected."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from optimus_tui.context import Context
from optimus_tui.sampling.sampler import Sampler
from tests.patience import PATIENCE


class Heard:
    """Everything handed on, by subject, newest last."""

    def __init__(self) -> None:
        self.reports: dict[str, list[Any]] = {}
        self._news = asyncio.Event()

    def __call__(self, subject: str, report: object) -> None:
        self.reports.setdefault(subject, []).append(report)
        self._news.set()

    def last(self, subject: str) -> Any:
        return self.reports.get(subject, [None])[-1]

    async def until(self, subject: str, holds: Callable[[Any], object], seconds: float = PATIENCE) -> Any:
        """The first of the newest reports from now on that holds; fails with the last one after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._news.clear()
                    report = self.last(subject)
                    if report is not None and holds(report):
                        return report
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{subject} never came to hold; last: {self.last(subject)!r}") from None


@asynccontextmanager
async def sampling(context: Context, heard: Heard, sources: Iterable[str]) -> AsyncIterator[Sampler]:
    """A sampler with these loops running; a loop that ended by a bug fails the test."""
    sampler = Sampler(context, heard)
    loops = sampler.loops()
    tasks = [asyncio.create_task(loops[source](), name=source) for source in sources]
    try:
        yield sampler
        for task in tasks:
            assert not task.done(), f"the {task.get_name()} loop ended: {task.exception()!r}"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await context.aclose()
