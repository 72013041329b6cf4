"""What every loop does with a read that failed: bound it, name the fault, keep the last good value with its old time.

Refuses to swallow a bug: only what a probe lists as an outage, and what an answer breaks in the code that reads it,
becomes a fault; anything else ends the loop loudly.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.sampling.interval_timer import heed_cancellation
from optimus_tui.settings.model import RedisTarget

T = TypeVar("T")

READ_SECONDS = 3.0
"""No read takes longer than this, whatever hangs."""
ASK_AGAIN_SECONDS = 1e9
"""After a refused login: only the operator's refresh tries again, so that no account gets locked."""


async def bounded(read: Awaitable[T], seconds: float = READ_SECONDS) -> T:
    """The result, or TimeoutError after ``seconds``."""
    async with asyncio.timeout(seconds):
        result = await read
    heed_cancellation()
    return result


def outages() -> tuple[type[Exception], ...]:
    """What a read from Redis may raise without being a bug."""
    from optimus_tui.probes.faults import OUTAGES

    return (*OUTAGES, TimeoutError)


def unforeseen() -> tuple[type[Exception], ...]:
    """What an answer of no foreseen shape breaks in the code that reads it."""
    from optimus_tui.probes.unforeseen import UNFORESEEN

    return UNFORESEEN


def unreadable_answer(error: BaseException) -> Fault:
    """The fault of an answer over HTTP that broke what reads it."""
    return Fault("invalid", f"its answer cannot be read ({type(error).__name__})", "check what answers there")


def redis_fault(error: BaseException, target: RedisTarget) -> Fault:
    """The fault in words."""
    from optimus_tui.probes.faults import fault_of

    return fault_of(error, target)


def kept(last: Reading[T] | None, fault: Fault, retry_in: float | None, clock: Clock) -> Reading[T]:
    """The last good value with its old time, beside the fault."""
    if last is None:
        return Reading(value=None, taken_at=clock.wall(), taken_mono=clock.mono(), fault=fault, retry_in=retry_in)
    return replace(last, fault=fault, retry_in=retry_in)


def login_refused(fault: Fault | None) -> bool:
    """True where asking again with the same password can only do harm."""
    return fault is not None and fault.kind == "auth"
