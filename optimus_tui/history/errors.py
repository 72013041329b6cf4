"""Errors of the history file in words. SQLite's own words are left out: they can name paths and statements."""

import errno
import sqlite3
from pathlib import Path

from optimus_tui.contract.reading import Fault
from optimus_tui.history.samples.file import NewerFile
from optimus_tui.storage.errors import UnreadableFile, in_the_way
from optimus_tui.storage.file_lock import LockHeld
from optimus_tui.wording.safe import safe_text

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_CLOSED_TO_US = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH)


def is_damage(error: BaseException) -> bool:
    """Return whether the file itself is damaged, so that no retry helps."""
    if isinstance(error, sqlite3.OperationalError) or not isinstance(error, sqlite3.DatabaseError):
        return _code(error) in _DAMAGED
    return _code(error) in (*_DAMAGED, None)


def is_full(error: BaseException) -> bool:
    """Return whether there is no room: on the disk, or below our own cap."""
    return _code(error) == sqlite3.SQLITE_FULL


def is_locked(error: BaseException) -> bool:
    """Return whether another process has locked the file, which ends soon."""
    return _code(error) in _LOCKED or isinstance(error, LockHeld)


def fault_of_history(error: BaseException, path: Path) -> Fault:
    """Return the fault in one sentence that names the file."""
    place, code = safe_text(str(path), 200), _code(error)
    if isinstance(error, NewerFile):
        remedy = "update this installation, or move that file away"
        return Fault("invalid", f"{place} was written by a newer version; samples stay in memory", remedy)
    if is_damage(error):
        return Fault("invalid", f"{place} is damaged")
    if is_full(error) or _number(error) in (errno.ENOSPC, errno.EDQUOT):
        return Fault("busy", f"no room for {place}: the disk is full; samples wait in memory", "free some space")
    if is_locked(error):
        return Fault("busy", f"{place} is locked by another process; samples wait in memory")
    if blocked := in_the_way(path.parent):
        return Fault("busy", f"{blocked}; samples wait in memory")
    if code in _CLOSED_TO_US or _number(error) in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "check the rights of that file and its directory"
        return Fault("denied", f"{place} cannot be written; samples stay in memory", remedy)
    if isinstance(error, UnreadableFile):
        return Fault("busy", f"{error}; samples wait in memory", "move it away, or check its rights")
    what = safe_text(_words(error, code), 80)
    return Fault("busy", f"{place}: {what}; samples wait in memory")


def _words(error: BaseException, code: int | None) -> str:
    reason = getattr(error, "strerror", None)
    if reason:
        return str(reason)
    if code is None:
        return type(error).__name__
    return f"error {code}"


def _code(error: BaseException) -> int | None:
    """Return SQLite's primary error code."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF
    return None


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    return None
