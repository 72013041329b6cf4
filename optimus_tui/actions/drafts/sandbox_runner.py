"""Run programs in a temporary folder; neither the folder nor the programs outlive this process, however it ends.

Programs run one at a time, each in a process group of its own, and any thread may cancel the run. A watchdog process
kills and removes what is left. Folders that even the watchdog did not remove (after a power cut, say) are removed by
the next run.
"""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from optimus_tui.child_processes import kill_group, start_watchdog
from optimus_tui.storage import file_lock

PREFIX = "optimus-scaffold-"
FRESH_SECONDS = 60.0
"""Seconds. A younger folder may belong to a run that is about to lock it."""
LONGEST = 200_000
"""Bytes of output that are kept, from its end."""
KILLED = -int(signal.SIGKILL)
"""The exit code of a program that was killed because it took too long."""


class RunCancelled(Exception):
    """The run was cancelled: nothing needs its result."""


class SandboxRunner:
    """Enter it to get the folder.

    Raises:
        OSError: The folder or the watchdog cannot be made.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._cut = False

    def __enter__(self) -> Path:
        """Make and lock the folder, start the watchdog, and return the folder."""
        clear_stale()
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The watchdog inherits the lock and holds it longer than this process.
            file_lock.lock(lock, self._folder, "the folder")
            self._watchdog = start_watchdog(self._folder, lock)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(lock)
        return self._folder

    def __exit__(self, *_: object) -> None:
        """Tell the watchdog to remove the folder; wait at most 5 s for it."""
        assert self._watchdog.stdin
        with contextlib.suppress(BrokenPipeError):
            self._watchdog.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # The watchdog goes on by itself.
            self._watchdog.wait(5)

    def cut(self) -> None:
        """Kill the running program and refuse further ones. May be called from any thread; returns at once."""
        self._cut = True
        with self._turn:
            if self._running is not None:
                kill_group(self._running.pid)

    def run(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
    ) -> tuple[int, str]:
        """Run a program and return its exit code (``KILLED`` after ``seconds``) and its output.

        Raises:
            RunCancelled: ``cut`` was called.
            OSError: The program cannot be started.
        """
        with self._turn:
            if self._cut:
                raise RunCancelled
            child = self._start(command, folder, environment)
        with child:
            try:
                output, _ = child.communicate(timeout=seconds)
                code = child.returncode
            except subprocess.TimeoutExpired:
                output, code = b"", KILLED
            finally:
                with self._turn:
                    kill_group(child.pid)
                    self._hold(None)
        if self._cut:
            raise RunCancelled
        return code, output[-LONGEST:].decode("utf-8", "replace")

    def _start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(  # noqa: S603 - no shell; what runs was chosen by the user
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._hold(child)
        return child

    def _hold(self, child: "subprocess.Popen[bytes] | None") -> None:
        self._running = child
        assert self._watchdog.stdin
        with contextlib.suppress(BrokenPipeError):
            os.write(self._watchdog.stdin.fileno(), b"%d\n" % (child.pid if child else 0))


def clear_stale() -> None:
    """Remove folders of runs that are dead. Folders of other users, and those in use, are left alone."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            seen = path.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or _is_fresh(seen):
                continue
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if file_lock.try_lock(handle):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def _is_fresh(seen: os.stat_result) -> bool:
    return time.time() - seen.st_mtime < FRESH_SECONDS
