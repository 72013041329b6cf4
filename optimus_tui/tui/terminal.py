"""The terminal and the user's own programs: clipboard, editor, private files, crash reports, and signals."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from textual.app import App, SuspendNotSupported

from optimus_tui import __version__
from optimus_tui.child_processes import child_environment
from optimus_tui.storage.private_file import put_in_place, state_dir
from optimus_tui.wording.safe import redact, safe_text

EDITORS = ("nano", "vim", "vi")
"""Looked for in this order where neither VISUAL nor EDITOR is set."""
PLUS_LINE = frozenset(
    {"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "micro", "joe", "kak", "ne"}
)
COLON_LINE = frozenset({"hx", "helix", "subl", "zed"})
GOTO_LINE = frozenset({"code", "codium", "cursor"})
SIGNAL_SECONDS = 3.0
"""Seconds for an orderly end before the forced one."""
LEAVE_SECONDS = 12.0
"""The same after a key to leave: a batch in flight is finished, but a disk that hangs is not waited for."""

_RESTORE = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[0m"


def copy(app: App[int], text: str) -> str:
    """Put ``text`` on the clipboard, or where the operator can copy it. Return words that say where it went."""
    app.copy_to_clipboard(text)
    if os.environ.get("TMUX") and (tmux := shutil.which("tmux")):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(  # noqa: S603 - tmux's own path and fixed words; the text goes to stdin
                [tmux, "load-buffer", "-w", "-"],
                input=text.encode("utf-8", "surrogateescape"),
                env=child_environment(),
                timeout=1,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return "to the tmux buffer and the terminal's clipboard"
    if os.environ.get("TERM", "dumb") in ("dumb", "linux"):
        return f"to {write_private('copied.txt', text)}: this terminal has no clipboard"
    return "to the terminal's clipboard (OSC 52)"


def private_path(name: str) -> Path:
    """Return the path of a file of this name under the state directory."""
    return state_dir() / name


def write_private(name: str, text: str) -> Path:
    """Write a file under the state directory that only its owner can read. Return its path."""
    path = private_path(name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    put_in_place(path, text.encode("utf-8", "backslashreplace"))
    return path


def command(path: Path, line: int, environment: Mapping[str, str]) -> list[str] | None:
    """Return the command that opens ``path`` at ``line`` (from 1) in the user's editor; None if there is none."""
    named = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        words = shlex.split(named)
    except ValueError:
        words = [named]
    if not words:
        found = next((which for name in EDITORS if (which := shutil.which(name))), None)
        if found is None:
            return None
        words = [found]
    program, place = Path(words[0]).name, str(path)
    if program in PLUS_LINE:
        return [*words, f"+{line}", place]
    if program in COLON_LINE:
        return [*words, f"{place}:{line}"]
    if program in GOTO_LINE:
        return [*words, "--goto", f"{place}:{line}"]
    return [*words, place]


def open_in_editor(app: App[Any], path: Path, line: int = 1) -> str:
    """Give the terminal to the editor until that ends. Return a sentence if that was not possible, else nothing.

    Meanwhile nothing is drawn and nothing is read.
    """
    shown = safe_text(str(path), 200)
    if not path.is_file():
        return f"{shown} is not a file that can be opened"
    words = command(path.absolute(), max(1, line), os.environ)
    if words is None:
        return "there is no editor: set EDITOR"
    try:
        with app.suspend():
            problem = _run(words)  # nothing may be raised in here: the terminal would not be taken back
    except SuspendNotSupported:
        return f"no editor can be opened in this terminal; the file is {shown}:{line}"
    return problem


def _run(words: list[str]) -> str:
    """Run the editor until it ends. Return a sentence if it did not start or ended with an error, else nothing."""
    try:
        code = subprocess.run(  # noqa: S603 - the user's own editor, no shell
            words, env=child_environment(), check=False
        ).returncode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is not valid"
        return f"{safe_text(words[0], 80)} cannot be started: {why}"
    if code:
        return f"{safe_text(words[0], 80)} ended with {code}"
    return ""


def report_text(error: BaseException) -> str:
    """Return the crash report: frames as file, line and function, then the exception's type and text.

    The text is escaped and redacted. Variables, arguments and addresses are left out, because they can contain
    passwords and tenants' data.
    """
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


def split_report_place(place: str) -> tuple[str, str]:
    """Split the sentence that says where the report is into its words and the path, which is empty if there is none."""
    words, mark, path = place.partition(" is in ")
    return words + mark.rstrip(), path


def forget_exported_size() -> None:
    """Remove exported COLUMNS and LINES from the environment, because the terminal's size can change."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def why_not_stoppable(app: App[Any]) -> str:
    """Return why the program cannot be suspended from the keyboard; empty if a shell can continue it.

    A program without a terminal of its own shares its job with the program that runs it, which would be suspended, too.
    A shell with job control gives each job a process group of its own, whose parent is in the same session. If no
    process above this one is such a shell (in a container, or tmux or ssh with a command), nothing would continue it.
    """
    if app._driver is None or not app._driver.can_suspend:
        return "there is no terminal to give back to a shell, so the program goes on"
    session, group, pid = os.getsid(0), os.getpgrp(), os.getppid()
    while pid > 1:
        try:
            if os.getsid(pid) != session:
                break
            if os.getpgid(pid) != group:
                return ""
            pid = _parent_of(pid)
        except OSError:
            break
    return "no shell started this program as a job: nothing could bring it back, so it goes on"


def _parent_of(pid: int) -> int:
    """Return the parent of a process; 0 where the system does not tell it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    return 0


def stop_job() -> None:
    """Suspend the whole job, as the terminal itself would.

    That includes a wrapper that started us: otherwise the shell would keep waiting for it.
    """
    os.killpg(os.getpgrp(), signal.SIGTSTP)


def resume_after_any_stop(app: App[Any]) -> None:
    """Take the terminal back whenever the process continues, even if a signal suspended it that cannot be caught.

    Textual's own handler would start its threads a second time, and later restore the terminal to raw mode.
    """
    driver: Any = app._driver
    own = getattr(driver, "_sigcont_application", None)
    if own is None:
        return  # a driver without a terminal

    def go_on(*_: object) -> None:
        if driver._auto_restart and not driver._must_signal_resume:
            driver.suspend_application_mode()
            driver._must_signal_resume = True
        own()

    signal.signal(signal.SIGCONT, go_on)


def use_mouse(app: App[Any], wanted: bool) -> None:
    """Start or stop receiving mouse events; this also holds after the program was suspended."""
    driver: Any = app._driver
    if not hasattr(driver, "_enable_mouse_support"):
        return  # a driver without a terminal
    if wanted:
        driver._mouse = True
        driver._enable_mouse_support()
    else:
        driver._disable_mouse_support()  # while it still counts as used
        driver._mouse = False


class EndingApp(Protocol):
    """The part of the application that is needed to end it."""

    leaving: Callable[[], None] | None
    """Called when it is about to end."""

    @property
    def return_code(self) -> int | None:
        """Return the exit code; None while the application runs."""

    def exit(self, result: int | None = None, return_code: int = 0) -> None:
        """End the application."""


@contextlib.contextmanager
def leave_on_signals(app: EndingApp) -> Iterator[None]:
    """End the application on SIGTERM and SIGHUP while the context is open, by force if it does not end in time.

    The terminal is restored, connections are closed and the exit code is 128 + the signal's number. A stalled terminal
    (XOFF, a dead SSH link) blocks the event loop in a write, so a thread ends the process after a few seconds.
    """
    before = _terminal_state()
    import asyncio

    loop = asyncio.get_running_loop()

    def force_end_after(seconds: float, code: int) -> threading.Timer:
        watchdog = threading.Timer(seconds, _force_end, (code, before))
        watchdog.daemon = True
        watchdog.start()
        return watchdog

    def leave(number: int, _frame: FrameType | None) -> None:
        force_end_after(SIGNAL_SECONDS, 128 + number)
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
        if sys.__stdin__:
            return termios.tcgetattr(sys.__stdin__.fileno())
        return None
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
