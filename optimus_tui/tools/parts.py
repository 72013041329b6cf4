"""The parts of one answer and the progress of its tool. Each part has a time limit within that of the tool."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.probes.load_meter import starved, stood_still
from optimus_tui.wording.numbers import age

if TYPE_CHECKING:
    from optimus_tui.context import Context


T = TypeVar("T")
PART_SECONDS = 2.8
"""For one part that reads one thing; a little more than the timeout of an HTTP request."""
SERVER_SECONDS = 4.0
"""For Redis, which asks for a connection, a greeting and two questions: from far away that is slow, and no outage."""
SPARE_SECONDS = 0.9
"""Kept back of the whole, to judge and to write the document."""
LEAST_SECONDS = 0.05
MOST_STANDSTILL_SECONDS = 4.0
"""How much longer a whole tool may take at most because its own process got no CPU."""
EARLY_SECONDS = 0.02
"""How long before its end a deadline is looked at again."""
_ENDS: ContextVar[float] = ContextVar("ends")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End all parts of this block ``SPARE_SECONDS`` before ``seconds`` are over; an outer limit still applies."""
    ends = asyncio.get_running_loop().time() + seconds - SPARE_SECONDS
    token = _ENDS.set(min(ends, _ENDS.get(ends)))
    try:
        yield
    finally:
        _ENDS.reset(token)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Limit the block to ``seconds``; its parts end a little earlier, so that what was read can still be judged.

    Time for which our own event loop was blocked is added.

    Raises:
        TimeoutError: The block was not done.
    """
    loop, most = asyncio.get_running_loop(), seconds + MOST_STANDSTILL_SECONDS
    with within(seconds):
        async with asyncio.timeout(seconds) as limit:
            began = loop.time()

            def extend() -> None:
                ends = began + min(most, seconds + stood_still(most))
                if ends - loop.time() > LEAST_SECONDS:
                    limit.reschedule(ends)
                    waiting.append(loop.call_at(ends - EARLY_SECONDS, extend))

            waiting = [loop.call_at(began + seconds - EARLY_SECONDS, extend)]
            try:
                yield
            finally:
                waiting[-1].cancel()


def seconds_left(most: float = PART_SECONDS) -> float:
    """Return how many seconds a part that begins now may take, at most ``most``."""
    ends = _ENDS.get(None)
    if ends is None:
        return most
    return max(LEAST_SECONDS, min(most, ends - asyncio.get_running_loop().time()))


def not_in_time(what: str, seconds: float) -> Fault:
    """Return the fault of a part that was not done in time."""
    if ours := starved(seconds):
        return Fault("starved", f"{what}: not measured: {ours}", "reduce the load of this machine and try again")
    return Fault("timeout", f"{what}: not measured within {age(seconds)}")


async def part(ctx: "Context", work: Awaitable[T], what: str, most: float = PART_SECONDS) -> T | Fault:
    """Return the result of ``work``, or a fault if it failed or took too long."""
    from optimus_tui.probes.faults import OUTAGES, fault_of

    seconds = seconds_left(most)
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError as error:
        if limit.expired():
            return not_in_time(what, seconds)
        return fault_of(error, ctx.settings.redis, ctx.layout)
    except OUTAGES as error:
        return fault_of(error, ctx.settings.redis, ctx.layout)


async def reading(ctx: "Context", work: Awaitable[Reading[T]], what: str, most: float = PART_SECONDS) -> Reading[T]:
    """Return the reading that ``work`` returns, or one with a fault if it failed or took too long."""
    found = await part(ctx, work, what, most)
    if not isinstance(found, Fault):
        return found
    return Reading(value=None, taken_at=ctx.clock.wall(), taken_mono=ctx.clock.mono(), fault=found)


async def nothing() -> None:
    """Return None, for a part that was not asked for."""


Progress = Callable[[int, int | None, str], None]
"""(done, total or None where nobody knows it, what is counted). Called often: it returns at once and never raises."""

_LISTENER: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def listening(listener: Progress | None) -> Iterator[None]:
    """Send everything that this task and its children report to ``listener``."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def report(done: int, total: int | None, what: str) -> None:
    """Report ``done`` of ``total``, at most ``total``: a scan may see a name twice."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done if total is None else min(done, total), total, what)
