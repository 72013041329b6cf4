"""The directories of incidents: one each, private, numbered; a lock that tells who writes; evidence beside them.

It refuses to delete anything, to follow links, and to believe a file that somebody else owns or may write.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import time
from pathlib import Path

from optimus_tui.contract.incident import Evidence
from optimus_tui.history import state_files
from optimus_tui.history.state_files import FLAGS, MAX_BYTES, Unreadable, put_in_place, shown, whose, write_all
from optimus_tui.history.state_files import sync_folder as sync
from optimus_tui.wording.safe import safe_text

__all__ = ["Unreadable", "sync", "write_all"]

TIMELINE, LOCK, EVIDENCE = "timeline.jsonl", "lock", "evidence"
_NAME = re.compile(r"^[0-9]{4,9}$")
_EVIDENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")


def incidents_dir() -> Path:
    """Where all incidents of this user are."""
    from platformdirs import user_state_path

    return user_state_path("optimus-tui", appauthor=False) / "incidents"


def numbers(root: Path) -> list[int]:
    """The incidents there are, oldest first. Unreadable where their directory is none, or cannot be read."""
    return sorted(int(name) for name in state_files.names_in(root) if _NAME.match(name))


def folder_of(root: Path, number: int) -> Path:
    """The directory of an incident; it need not exist."""
    return root / f"{number:04d}"


def new_folder(root: Path) -> tuple[int, Path]:
    """A directory under the next free number: of two processes each gets its own. OSError where none can be made."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = max(numbers(root), default=0) + 1
    while True:
        folder = folder_of(root, number)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        sync(root)
        return number, folder


# -- who writes


class Lock:
    """Held by the one process that may write. ``owner`` says who that is where it is somebody else."""

    def __init__(self, folder: Path) -> None:
        self.path, self.owner = folder / LOCK, ""
        self._handle: int | None = None

    def take(self, who: str) -> bool:
        """True where it is ours now. OSError where no lock can be had at all."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | FLAGS, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.owner = safe_text(os.pread(handle, 400, 0), 200) or "another process"
            os.close(handle)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            return False
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its owner's name
            os.ftruncate(handle, 0)
            os.pwrite(handle, who.encode("utf-8", "backslashreplace")[:300], 0)
        self._handle = handle
        return True

    def release(self) -> None:
        """Let others write."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_held(folder: Path) -> str:
    """Who writes to this incident now; empty where nobody does."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | FLAGS)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return safe_text(os.pread(handle, 400, 0), 200) or "another process"
    finally:
        os.close(handle)
    return ""


# -- reading, and what is wrong with a file


def read_plain(path: Path, limit: int = MAX_BYTES) -> tuple[bytes, str]:
    """The bytes, and why they are not to be written on (empty: they may be). Unreadable where they cannot be had."""
    try:
        data, found = state_files.read_plain(path, limit)
    except FileNotFoundError as error:
        raise Unreadable(f"{shown(path)} cannot be read: {error.strerror}") from None
    return data, whose(found)


def keep_aside(folder: Path, stem: str, data: bytes) -> Path:
    """Write ``data`` under a name of its own, for good; OSError where that is not possible."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for attempt in range(1000):
        path = folder / f"{stem}-{stamp}-{os.getpid()}{f'-{attempt}' if attempt else ''}"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, 0o600)
        except FileExistsError:
            continue
        try:
            write_all(handle, data, 0)
            os.fsync(handle)
        except OSError:
            os.unlink(path)
            raise
        finally:
            os.close(handle)
        sync(folder)
        return path
    raise OSError(errno.EEXIST, "no free name")


# -- evidence


def describe(stem: str, number: int, document: bytes, ending: str = "json") -> Evidence:
    """What the document will be called. ``number`` makes the name unique within the incident."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem)[:60] or "document"
    digest = hashlib.sha256(document).hexdigest()
    return Evidence(name=f"{number:04d}-{plain}.{ending}", sha256=digest, size=len(document))


def write_evidence(folder: Path, evidence: Evidence, document: bytes) -> None:
    """Put it there in one step; OSError otherwise, with nothing under its name."""
    place = folder / EVIDENCE
    place.mkdir(mode=0o700, exist_ok=True)
    put_in_place(place / evidence.name, document)


def read_evidence(folder: Path, evidence: Evidence) -> bytes:
    """The document as it was; Unreadable where it is gone or no longer the same."""
    if not _EVIDENCE.match(evidence.name):
        raise Unreadable("the record names no file of this incident")
    data, _ = read_plain(folder / EVIDENCE / evidence.name)
    if hashlib.sha256(data).hexdigest() != evidence.sha256:
        raise Unreadable(f"{evidence.name} is not what was recorded: its digest differs")
    return data
