"""Runs calls from other programs: four at a time, each answered with one document.

A call that waits longer than two seconds for its turn is refused as "busy".
"""

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optimus_tui.clock import Clock
from optimus_tui.contract.tools.common import ErrorCode, ToolError
from optimus_tui.settings.table import SettingsError
from optimus_tui.tools.answer import ToolFailure, answer, encode, exit_code, failure_report, find
from optimus_tui.tools.parts import Progress
from optimus_tui.wording.safe import redact, safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

AT_ONCE = 4
PATIENCE_SECONDS = 2.0

_log = logging.getLogger("optimus_tui.serving")


class Answered(NamedTuple):
    """One JSON document.

    Attributes:
        document: The document as JSON.
        exit_code: What ``run`` would have exited with.
        code: Why there is no result; None if there is one.
    """

    document: bytes
    exit_code: int
    code: ErrorCode | None = None


class _Room(NamedTuple):
    """The context and the semaphore of one event loop."""

    loop: asyncio.AbstractEventLoop
    context: "Context"
    turns: asyncio.Semaphore


class ToolDispatcher:
    """Runs tools by name.

    Args:
        open_context: Called on the first call, because a mounted app has no startup of its own.
        patience_seconds: For how long a call waits for one of the places.
    """

    def __init__(self, open_context: "Callable[[], Context]", patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._open_context, self._patience_seconds = open_context, patience_seconds
        self._room: _Room | None = None
        self._warm = False
        self._running: set[asyncio.Task[Answered]] = set()

    async def call(
        self, name: str, arguments: Mapping[str, Any] | bytes | str, progress: Progress | None = None
    ) -> Answered:
        """Run one tool. Raises nothing but CancelledError.

        The work runs in a separate task that is cancelled only once: the SDK cancels repeatedly until the call has
        ended, which would interrupt the clean-up of connections and leak them from their pool.
        """
        task = asyncio.create_task(self._serve(name, arguments, progress))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _serve(
        self, name: str, arguments: Mapping[str, Any] | bytes | str, progress: Progress | None
    ) -> Answered:
        try:
            find(name)
            room = self._enter()
            async with _turn(room.turns, self._patience_seconds):
                report = await answer(room.context, name, arguments, progress)
            return Answered(encode(report), exit_code(report))
        except ToolFailure as failure:
            return self.refuse(name, failure)
        except SettingsError as error:
            error_body = ToolError(code="bad_configuration", message=safe_text(error, 400))
            return self.refuse(name, ToolFailure(error_body, 2))
        except Exception as error:
            _log.error("%s", _trace(name, error))
            error_body = ToolError(
                code="internal", message=f"{safe_text(name, 80)} ended with a bug; see the server's log"
            )
            return self.refuse(name, ToolFailure(error_body, 70))

    def refuse(self, name: str, failure: ToolFailure) -> Answered:
        """Return the document that says why there is no result."""
        clock = self._room.context.clock if self._room else Clock()
        return Answered(encode(failure_report(name, failure, clock.wall())), failure.exit_code, failure.error.code)

    def warm_up(self) -> None:
        """Load in a thread, once, what the first call needs, because a client that lists the tools soon calls one."""
        if not self._warm:
            self._warm = True
            threading.Thread(target=_load_clients, daemon=True, name="warm-up").start()

    async def aclose(self) -> None:
        """Cancel running calls and close the clients. May be called twice."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1)
        room, self._room = self._room, None
        if room is not None:
            await room.context.aclose()

    def _enter(self) -> _Room:
        """Return the context of this event loop: clients belong to the loop in which they were made."""
        loop = asyncio.get_running_loop()
        if self._room is None or self._room.loop is not loop:
            self._room = _Room(loop, self._open_context(), asyncio.Semaphore(AT_ONCE))
        return self._room


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore, seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            await turns.acquire()
    except TimeoutError:
        message = f"{AT_ONCE} calls are in flight and none ended within {seconds:g} s; try again"
        raise ToolFailure(ToolError(code="busy", message=message), 3) from None
    try:
        yield
    finally:
        turns.release()


def _load_clients() -> None:
    from optimus_tui.context import load_probes

    load_probes()


def _trace(name: str, error: Exception) -> str:
    """Return where the error happened, without the values of variables."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{safe_text(name, 80)}: {type(error).__name__}: {safe_text(redact(str(error)), 300)} at {where}"
