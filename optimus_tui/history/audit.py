"""The audit: one append-only file of JSON lines a state directory, each chained to the one before by its hash.

An append returns when the line is on the disk. Several processes may write: each takes the file's lock, reads what came
in meanwhile and goes on from there. It refuses to hand out a half-written line: what does not fit is taken back, and a
torn end (a process or the power went) is set aside and said. Whoever cannot write here must not act.
"""

import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from optimus_tui import __version__
from optimus_tui.clock import Clock
from optimus_tui.history.audit_lines import FIRST, Chained, seal, sealed
from optimus_tui.wording.safe import safe_text

FILE = "audit.jsonl"
_TAIL = 1 << 16


class AuditUnwritable(Exception):
    """The audit takes no more, in a sentence that may be shown."""


def state_folder() -> Path:
    """Where the audit and the plans in progress lie."""
    from platformdirs import user_state_path

    return user_state_path("optimus-tui", appauthor=False)


def quoted(key: bytes) -> str:
    """A key as plain ASCII that reads well and gives back exactly these bytes."""
    return quote_from_bytes(key, safe=":/@*[](),=+.-_~!")


def unquoted(text: str) -> bytes:
    """The key behind ``quoted``."""
    return unquote_to_bytes(text)


class AuditLog:
    """The writer. Safe for use by several threads; ``append`` blocks for one ``fdatasync``."""

    def __init__(self, folder: Path | None = None, clock: Clock | None = None) -> None:
        self.path = (folder or state_folder()) / FILE
        self._clock = clock or Clock()
        self._handle: int | None = None
        self._last = Chained(0, FIRST)
        self._end = 0
        self._lock = threading.Lock()

    def append(self, event: str, action: str = "", **fields: object) -> Chained:
        """One record on the disk: its number and hash. AuditUnwritable when it is not there, not even in part."""
        try:
            with self._lock, self._ours() as handle:
                return self._append(handle, event, action, fields)
        except AuditUnwritable:
            self.close()
            raise
        except OSError as error:
            self.close()
            what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
            raise AuditUnwritable(f"the audit {safe_text(str(self.path))} cannot be written: {what}") from None

    def close(self) -> None:
        """Let go of the file; the next append opens it again."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    @contextlib.contextmanager
    def _ours(self) -> Iterator[int]:
        """The file, locked, and where it ends known."""
        handle = self._opened()
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            self._catch_up(handle)
            yield handle
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)

    def _opened(self) -> int:
        if self._handle is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self.path), os.fstat(self._handle)):
                    return self._handle
            self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(self.path, flags, 0o600)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            os.close(handle)
            raise AuditUnwritable(f"the audit {safe_text(str(self.path))} is not a plain file of ours")
        if found.st_mode & 0o077:
            os.fchmod(handle, 0o600)
        if not found.st_size:
            _sync_folder(self.path.parent)
        self._handle, self._end, self._last = handle, -1, Chained(0, FIRST)
        return handle

    def _catch_up(self, handle: int) -> None:
        """Know the last record, also where another process wrote it; set a torn end aside."""
        size = os.fstat(handle).st_size
        if size == self._end:
            return
        whole = _end_of_lines(handle, size)
        line = _last_line(handle, whole)
        last = sealed(line) if line else Chained(0, FIRST)
        if last is None:
            raise AuditUnwritable(f"the last line of {safe_text(str(self.path))} is no record of ours: move it away")
        self._last, self._end = last, whole
        if whole < size:
            self._set_aside(handle, whole, size)

    def _set_aside(self, handle: int, whole: int, size: int) -> None:
        torn = os.pread(handle, min(size - whole, 1 << 24), whole)
        os.ftruncate(handle, whole)
        self._append(handle, "torn line set aside", "", {"bytes": size - whole, "line": quoted(torn[:2000])})

    def _append(self, handle: int, event: str, action: str, fields: dict[str, object]) -> Chained:
        wall = self._clock.wall()
        head = {
            "v": 1,
            "seq": self._last.seq + 1,
            "at": datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "mono": round(self._clock.mono(), 4),
            "event": event,
            "action": action,
        }
        more = {"version": __version__, "pid": os.getpid()} if event in ("armed", "planned", "resumed") else {}
        body = msgspec.json.encode({**head, **more, **_plain(fields), "prev": self._last.hash})
        line, hashed = seal(body, self._last.hash)
        try:
            _write_all(handle, line)
            os.fdatasync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, self._end)
            raise
        self._end += len(line)
        self._last = Chained(self._last.seq + 1, hashed)
        return self._last


def _write_all(handle: int, line: bytes) -> None:
    """A full disk may take a part of a line without an error: go on until it takes all, or says why not."""
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _plain(fields: dict[str, object]) -> dict[str, object]:
    """Texts that JSON can hold: what is no Unicode is written as an escape."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _end_of_lines(handle: int, size: int) -> int:
    """The offset after the last line break."""
    end = size
    while end > 0:
        start = max(0, end - _TAIL)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_line(handle: int, end: int) -> bytes:
    if end == 0:
        return b""
    start = _end_of_lines(handle, end - 1)
    return os.pread(handle, end - 1 - start, start)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
