"""Leaving on a signal: the terminal restored, connections closed, an exit code of 128 + the signal's number.

A stalled terminal (XOFF, a dead SSH link) blocks the event loop in a write, so a second line of defence ends the
process from a thread after a few seconds.

The report of a bug that ended the program: where it happened, never what the variables held.

Local variables, arguments and addresses can hold passwords and tenants' data, so neither screen nor file shows them.
"""

import contextlib
import os
import signal
import sys
import termios
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from optimus_tui import __version__
from optimus_tui.tui.terminal.user_programs import write_private
from optimus_tui.wording.safe import redact, safe_text


def report_text(error: BaseException) -> str:
    """Return frames as file, line and function, the exception's type and its text, escaped and redacted."""
    lines = [
        f"optimus-tui {__version__} · Python {sys.version.split()[0]} · "
        f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}"
    ]
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines += [
            f"  {Path(f.filename).name}:{f.lineno} in {f.name}" for f in traceback.extract_tb(cause.__traceback__)[-30:]
        ]
        lines.append(f"{type(cause).__name__}: {safe_text(redact(str(cause)), 400)}")
        if cause.__cause__ is None and not cause.__suppress_context__:
            cause = cause.__context__
        else:
            cause = cause.__cause__
    return "\n".join(lines) + "\n"


def keep_report(error: BaseException) -> str:
    """Write the report to a private file. Return the two sentences for the terminal."""
    text = report_text(error)
    last = text.strip().splitlines()[-1]
    try:
        place = f"The report, without variables and secrets, is in {write_private('crash.txt', text)}"
    except OSError as problem:
        place = f"The report could not be written ({problem.strerror}):\n{text}"
    return f"optimus-tui stopped because of a bug of its own: {last}\n{place}"


def parted(place: str) -> tuple[str, str]:
    """Return the words that say where the report is, and its path. The path is empty if there is none."""
    words, mark, path = place.partition(" is in ")
    return words + mark.rstrip(), path


PATIENCE = 3.0
"""Seconds for an orderly end before the forced one."""
LEAVE_SECONDS = 12.0
"""The same after a key to leave: a batch in flight is finished, but a disk that hangs is not waited for."""

_RESTORE = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[0m"


class EndingApp(Protocol):
    """The application as far as its end is concerned."""

    leaving: Callable[[], None] | None
    """Called when it is about to end."""

    @property
    def return_code(self) -> int | None:
        """Return the exit code; None while the application runs."""

    def exit(self, result: int | None = None, return_code: int = 0) -> None:
        """End the application."""


@contextlib.contextmanager
def leave_on_signals(app: EndingApp) -> Iterator[None]:
    """End the application on SIGTERM and SIGHUP while the context is open, by force if it does not end in time."""
    before = _terminal_state()
    import asyncio

    loop = asyncio.get_running_loop()

    def force_end_after(seconds: float, code: int) -> threading.Timer:
        watchdog = threading.Timer(seconds, _force_end, (code, before))
        watchdog.daemon = True
        watchdog.start()
        return watchdog

    def leave(number: int, _frame: FrameType | None) -> None:
        force_end_after(PATIENCE, 128 + number)
        loop.call_soon_threadsafe(lambda: app.exit(return_code=128 + number))

    def leaving() -> None:
        watchdogs.append(force_end_after(LEAVE_SECONDS, app.return_code or 0))

    watchdogs: list[threading.Timer] = []
    app.leaving = leaving
    wanted = [signal.SIGTERM, signal.SIGHUP]
    previous = {number: signal.signal(number, leave) for number in wanted}
    try:
        yield
    finally:
        for watchdog in watchdogs:
            watchdog.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _terminal_state() -> list[object] | None:
    try:
        return termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ else None
    except (termios.error, OSError, ValueError):
        return None


def _force_end(code: int, before: list[object] | None) -> None:
    """Restore the terminal as far as possible and end the process: the event loop did not answer."""
    with contextlib.suppress(OSError, termios.error, ValueError, AttributeError):
        handle = sys.__stdin__.fileno()  # type: ignore[union-attr]
        if before is not None:
            termios.tcflow(handle, termios.TCOON)
            termios.tcflush(handle, termios.TCOFLUSH)
            termios.tcsetattr(handle, termios.TCSANOW, before)  # type: ignore[arg-type]
        os.set_blocking(handle, False)
        os.write(handle, _RESTORE)
    os._exit(code)
