"""Where calls from other programs arrive: four at a time, each answered with one document, whatever happens.

It refuses to queue without end: who waits longer than two seconds for a turn is told to come back.
"""

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optimus_tui.clock import Clock
from optimus_tui.contract.tools.common import ErrorCode, ToolError
from optimus_tui.settings.errors import SettingsError
from optimus_tui.tools.answer import answer, encode, exit_code, failure_report, find
from optimus_tui.tools.arguments import ToolFailure
from optimus_tui.tools.progress import Progress
from optimus_tui.wording.redact import redact
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

AT_ONCE = 4
PATIENCE_SECONDS = 2.0

_log = logging.getLogger("optimus_tui.serving")


class Answered(NamedTuple):
    """One JSON document; ``exit_code`` is what ``run`` would have ended with, ``code`` why there is no result."""

    document: bytes
    exit_code: int
    code: ErrorCode | None = None


class _Room(NamedTuple):
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    context: "Context"
    turns: asyncio.Semaphore


class ToolDispatcher:
    """Takes calls by tool name. ``open_context`` is asked on the first call: a mounted app has no start of its own."""

    def __init__(self, open_context: "Callable[[], Context]") -> None:
        self._open_context = open_context
        self._room: _Room | None = None
        self._warm = False
        self._running: set[asyncio.Task[Answered]] = set()

    async def call(
        self, name: str, arguments: Mapping[str, Any] | bytes | str, progress: Progress | None = None
    ) -> Answered:
        """Run one tool; never raises for anything but cancellation.

        The work is a task of its own that is cancelled once: the SDK cancels again and again until we are gone, which
        would break off the clean-up of connections and leave them lost in their pool.
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
            async with _turn(room.turns):
                report = await answer(room.context, name, arguments, progress)
            return Answered(encode(report), exit_code(report))
        except ToolFailure as failure:
            return self.refuse(name, failure)
        except SettingsError as error:
            said = ToolError(code="bad_configuration", message=safe_text(error, 400))
            return self.refuse(name, ToolFailure(said, 2))
        except Exception as error:
            _log.error("%s", _trace(name, error))
            said = ToolError(
                code="internal", message=f"{safe_text(name, 80)} met a bug of its own; see the server's log"
            )
            return self.refuse(name, ToolFailure(said, 70))

    def refuse(self, name: str, failure: ToolFailure) -> Answered:
        """The document that says why there is no result."""
        clock = self._room.context.clock if self._room else Clock()
        return Answered(encode(failure_report(name, failure, clock.wall())), failure.exit_code, failure.error.code)

    def warm_up(self) -> None:
        """Load, in a thread and once, what the first call needs: callers who list the tools are about to call one."""
        if not self._warm:
            self._warm = True
            threading.Thread(target=_load_clients, daemon=True, name="warm-up").start()

    async def aclose(self) -> None:
        """End what still runs and close the clients; safe to call twice."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1)
        room, self._room = self._room, None
        if room is not None:
            await room.context.aclose()

    def _enter(self) -> _Room:
        """Clients belong to the loop they were made in; another loop gets its own."""
        loop = asyncio.get_running_loop()
        if self._room is None or self._room.loop is not loop:
            self._room = _Room(loop, self._open_context(), asyncio.Semaphore(AT_ONCE))
        return self._room


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await turns.acquire()
    except TimeoutError:
        message = f"{AT_ONCE} calls are in flight and none ended within {PATIENCE_SECONDS:g} s; try again"
        raise ToolFailure(ToolError(code="busy", message=message), 3) from None
    try:
        yield
    finally:
        turns.release()


def _load_clients() -> None:
    for module in ("fetch", "client", "server", "services", "keyspace"):
        import_module(f"optimus_tui.probes.{module}")
    import_module("httpx")
    import_module("redis.asyncio")


def _trace(name: str, error: Exception) -> str:
    """Where it happened, never what the variables held."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{safe_text(name, 80)}: {type(error).__name__}: {safe_text(redact(str(error)), 300)} at {where}"
