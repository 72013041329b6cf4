"""Move a damaged history file aside under a lock, so that two processes never move a good one.

The file is checked once more before it is moved, since another process may have begun a new one. Of the moved files the
newest two are kept.
"""

import contextlib
import fcntl
import os
import sqlite3
import time
from pathlib import Path

KEEP = 2
SIDE_FILES = ("-wal", "-shm", "")
"""The order of renaming: a new file must never be opened with an old log."""


def set_aside(path: Path) -> Path | None:
    """Move a damaged file aside and return where it is now; None when the one at ``path`` is sound or gone.

    Raises:
        OSError: it cannot be moved.
    """
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or is_sound(path):
            return None
        target = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}")
        for suffix in SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{target}{suffix}")
        _forget_older(path)
        return target
    finally:
        os.close(handle)


def is_there(path: Path) -> bool:
    """Return whether anything has the file's name, of whatever kind. OSError where that cannot be determined."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def is_sound(path: Path) -> bool:
    """Return whether SQLite finds no fault in the whole file and this product wrote it."""
    from optimus_tui.history.samples.file import APPLICATION

    db = sqlite3.connect(path, timeout=2.0, isolation_level=None)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            return False
        empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return empty or db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        raise
    except sqlite3.DatabaseError:
        return False
    finally:
        db.close()


def _forget_older(path: Path) -> None:
    moved = sorted(
        (one for one in path.parent.glob(f"{path.name}.damaged-*") if not one.name.endswith(SIDE_FILES[:2])),
        key=lambda one: one.stat().st_mtime,
    )
    for old in moved[:-KEEP]:
        for suffix in SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{old}{suffix}")
