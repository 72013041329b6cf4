"""What every loop does with a failed read: bound it, name the fault, keep the last good value with its old time.

A bug is never hidden: only what a probe lists as an outage, and what a strange answer breaks in the code that reads it,
becomes a fault. Anything else ends the loop with an error.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.sampling.interval_timer import Backoff, heed_cancellation
from optimus_tui.settings.model import RedisTarget

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
