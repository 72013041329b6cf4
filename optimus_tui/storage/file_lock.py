"""Lock a file with a time limit, and name the process that holds the lock meanwhile."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from optimus_tui.storage.errors import UnreadableFile, shown
from optimus_tui.wording.age import clock
from optimus_tui.wording.safe import safe_text

SECONDS = 3.0
_PAUSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


class LockHeld(UnreadableFile):
    """Another process holds the lock; the message says which, as far as this machine knows."""


def lock(handle: int, path: Path, what: str, seconds: float = SECONDS) -> None:
    """Lock an open file for this process alone.

    Raises:
        LockHeld: another process still has the lock after ``seconds``.
        OSError: the file system has no locks.
    """
    deadline, turn = time.monotonic() + seconds, 0
    while not try_lock(handle):
        if time.monotonic() >= deadline:
            remedy = "end that process, or wait for it, and try again"
            raise LockHeld(f"{what} {shown(path)} is held by {holder(handle)}: {remedy}")
        time.sleep(_PAUSES[min(turn, len(_PAUSES) - 1)])
        turn += 1


def try_lock(handle: int, *, shared: bool = False) -> bool:
    """Lock an open file or directory without waiting; return False if another process has the lock.

    Args:
        handle: The open file.
        shared: Whether other processes may have such a lock, too.

    Raises:
        OSError: the file system has no locks.
    """
    kind = fcntl.LOCK_EX
    if shared:
        kind = fcntl.LOCK_SH
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock(handle: int) -> None:
    """Release the lock."""
    fcntl.flock(handle, fcntl.LOCK_UN)


def holder(handle: int) -> str:
    """Return who holds the lock on this file: ``process 123 (flock), running since 21:40:03 UTC``, or what is known."""
    file = os.fstat(handle)
    for pid in [*_in_lock_table(file), *_with_it_open(file)]:
        if pid == os.getpid():
            return "this very process"
        name = _read(f"/proc/{pid}/comm").strip()
        if name:
            return f"process {pid} ({safe_text(name, 40)}){_since(pid)}"
    return "another process"


def _in_lock_table(file: os.stat_result) -> list[int]:
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    exact, alike = [], []  # some file systems show another device number there than to us
    for line in _read("/proc/locks").splitlines():
        words = line.split()
        if len(words) < 6 or words[1] != "FLOCK" or not words[4].isdigit():
            continue
        if words[5] == device:
            exact.append(int(words[4]))
        elif words[5].endswith(f":{file.st_ino}"):
            alike.append(int(words[4]))
    return exact or alike


def _with_it_open(file: os.stat_result) -> list[int]:
    """Return other processes that have the file open, because the lock may outlive the process that took it."""
    found = []
    for name in _names("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        for each in _names(f"/proc/{name}/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{name}/fd/{each}"), file):
                    found.append(int(name))
                    break
    return found


def _since(pid: int) -> str:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    booted = [line.split()[1] for line in _read("/proc/stat").splitlines() if line.startswith("btime ")]
    if len(fields) < 20 or not booted:
        return ""
    began = int(booted[0]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return f", running since {clock(began)} UTC"


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
