"""The timeline of one incident: events appended by one process at a time, durable before they are acknowledged.

``append`` returns True only when the record is on disk (``fdatasync``). What the disk does not take (full, gone) is
removed back to the last whole record, waits in memory with its evidence, in order, and is tried again with the next
one; ``fault`` says so. A torn last line is moved to a file of its own and reported. A file that is damaged, newer,
another user's or open in another process is read as far as possible and never written. Nothing is deleted.
"""

import contextlib
import errno
import os
from pathlib import Path

from optimus_tui.contract.incident import Evidence
from optimus_tui.contract.incident_events import AnyEvent
from optimus_tui.contract.reading import Fault
from optimus_tui.history import incident_files as files
from optimus_tui.history.incident_files import UnreadableFile
from optimus_tui.history.records import Scan, encode, scan
from optimus_tui.wording.safe import safe_text

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAX_WAITING = 10_000
_TAIL = 64


class Timeline:
    """An open timeline, from ``open_timeline``. Not thread-safe: its owner serialises the calls."""

    def __init__(self, folder: Path, events: tuple[AnyEvent, ...], last: int, good: int) -> None:
        self.folder, self.events = folder, events
        """``events``: as they were on disk when it was opened."""
        self.read_only = ""
        """Why nothing can be recorded; empty where it can."""
        self.notices: tuple[str, ...] = ()
        """What was found on opening: a torn line set aside, lines that cannot be trusted."""
        self.fault: Fault | None = None
        """Why records wait in memory now."""
        self.last = last
        self._good = good
        self._tail = b""
        """The last bytes of the valid records, as they are on the disk."""
        self._waiting: list[tuple[bytes, list[tuple[Evidence, bytes]]]] = []
        self._handle: int | None = None
        self._lock: files.IncidentLock | None = None

    @property
    def waiting(self) -> int:
        """Return the number of records that are in memory only."""
        return len(self._waiting)

    def describe(self, stem: str, document: bytes, ending: str = "json") -> Evidence:
        """Return name, digest and size of a document that is passed to ``append`` with the next record."""
        return files.describe(stem, self.last + 1, document, ending)

    def append(self, event: AnyEvent, *evidence: tuple[Evidence, bytes]) -> bool:
        """Record an event after its evidence; return True once both are on disk, False while they wait in memory."""
        if self.read_only or self._handle is None:
            raise RuntimeError(f"a record for a timeline that is read-only: {self.read_only or 'closed'}")
        if len(self._waiting) >= MAX_WAITING:
            raise RuntimeError(f"{MAX_WAITING:,} records wait in memory; no more are taken")
        line = encode(self.last + 1, event)
        self.last += 1
        self._waiting.append((line, list(evidence)))
        return self.flush()

    def flush(self) -> bool:
        """Try again to write what waits; return True where nothing waits any more."""
        while self._waiting:
            line, documents = self._waiting[0]
            try:
                while documents:
                    files.write_evidence(self.folder, *documents[0])
                    documents.pop(0)
                self._write(line)
            except OSError as error:
                self.fault = _fault(error, self.folder, len(self._waiting))
                return False
            self._waiting.pop(0)
        self.fault = None
        return True

    def _write(self, line: bytes) -> None:
        """Write one record after the last whole one; a partial write is removed."""
        handle = self._handle
        if handle is None:
            raise OSError(errno.EBADF, "closed")
        self._check_place(handle)
        try:
            files.write_all(handle, line, self._good)
            if os.fstat(handle).st_size > self._good + len(line):
                os.ftruncate(handle, self._good + len(line))  # what an earlier try left there
            os.fdatasync(handle)
        except OSError:
            with contextlib.suppress(OSError):  # else the next try begins at the same place
                os.ftruncate(handle, self._good)
            raise
        self._good += len(line)
        self._tail = line[-_TAIL:]

    def _check_place(self, handle: int) -> None:
        """Raise OSError where the path is no longer the file that the last record was written to."""
        path, found = self.folder / files.TIMELINE, os.fstat(handle)
        try:
            there = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            raise OSError(errno.ENOENT, "its file was deleted or moved away: put it back") from None
        if not os.path.samestat(there, found):
            raise OSError(errno.ESTALE, "another file was put in its place: put the one back that was here")
        tail = os.pread(handle, len(self._tail), max(0, self._good - len(self._tail)))
        if found.st_size < self._good or tail != self._tail:
            raise OSError(errno.ESTALE, "its file was cut or changed by somebody else: put it back as it was")

    def read(self, evidence: Evidence) -> bytes:
        """Return a document of this incident, also one that waits; UnreadableFile where it is gone or changed."""
        for _, documents in self._waiting:
            for kept, data in documents:
                if kept == evidence:
                    return data
        return files.read_evidence(self.folder, evidence)

    def close(self) -> None:
        """Try once more to write what waits, and release the lock. Safe to call twice."""
        if self._handle is not None:
            self.flush()
            os.close(self._handle)
            self._handle = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def open_timeline(folder: Path, who: str, *, write: bool = True) -> Timeline:
    """Open the timeline in ``folder``, for writing where possible (see ``read_only``). UnreadableFile otherwise.

    ``who`` is shown to processes that try to write later.
    """
    lock = files.IncidentLock(folder)
    refused = "" if write else "it was opened for reading"
    if write:
        try:
            if not lock.take(who):
                refused = f"it is open elsewhere: {lock.owner}"
        except OSError as error:
            refused = f"it cannot be locked: {error.strerror}"
    try:
        timeline = _open(folder, refused, not refused and write)
    except BaseException:
        lock.release()
        raise
    if timeline._handle is None:
        lock.release()
    else:
        timeline._lock = lock
    return timeline


def new_timeline(root: Path, who: str) -> tuple[int, Timeline]:
    """Create an incident and return its number and its empty timeline. OSError where that is not possible."""
    number, folder = files.new_folder(root)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    os.close(os.open(folder / files.TIMELINE, flags, 0o600))
    files.sync(folder)
    timeline = open_timeline(folder, who)
    if timeline.read_only:
        raise OSError(errno.EACCES, timeline.read_only)
    return number, timeline


def _open(folder: Path, refused: str, write: bool) -> Timeline:
    path = folder / files.TIMELINE
    data, distrust = files.read_plain(path)
    found = scan(data)
    timeline = Timeline(folder, found.events, found.last, found.good)
    notices = []
    if found.damage:
        notices = [f"{found.damage}; the file is kept as it is"]
    refused = refused or distrust or found.damage or (found.newer and f"{found.newer}; update this installation")
    if write and not refused:
        try:
            timeline._handle = _for_writing(path)
            notices += _set_aside(folder, found, timeline._handle)
            timeline._tail = data[: found.good][-_TAIL:]
        except OSError as error:
            refused = f"its file cannot be written: {error.strerror}"
            if timeline._handle is not None:
                os.close(timeline._handle)
                timeline._handle = None
    elif found.tail:
        notices.append(f"the last line is torn ({len(found.tail):,} bytes): its record was never acknowledged")
    timeline.read_only, timeline.notices = refused, tuple(notices)
    return timeline


def _for_writing(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if os.fstat(handle).st_mode & 0o077:
        os.fchmod(handle, 0o600)
    return handle


def _set_aside(folder: Path, found: Scan, handle: int) -> list[str]:
    """Move a torn last line to a file of its own, so that the timeline ends at its last whole record."""
    if not found.tail:
        return []
    kept = files.keep_aside(folder, "torn", found.tail)
    os.ftruncate(handle, found.good)
    os.fdatasync(handle)
    size = f"{len(found.tail):,} bytes"
    return [f"the last line was torn ({size}, never acknowledged); it is in {safe_text(kept.name, 80)} now"]


def quarantine(folder: Path, who: str) -> tuple[Path, int]:
    """Move a damaged timeline aside for good, and begin a new one with the records that could be read.

    Returns:
        The path of the damaged file, and the number of records in the new one.

    Raises:
        UnreadableFile: (or OSError) nothing was changed.
    """
    lock = files.IncidentLock(folder)
    if not lock.take(who):
        raise UnreadableFile(f"it is open elsewhere: {lock.owner}")
    try:
        data, distrust = files.read_plain(folder / files.TIMELINE)
        found = scan(data)
        if distrust or found.newer or not found.damage:
            raise UnreadableFile(distrust or found.newer or "its file is not damaged")
        lines = b"".join(encode(number, event) for number, event in enumerate(found.events, 1))
        draft = files.keep_aside(folder, ".repaired", lines)
        damaged = files.keep_aside(folder, "damaged", data)
        os.replace(draft, folder / files.TIMELINE)
        files.sync(folder)
        return damaged, len(found.events)
    finally:
        lock.release()


def _fault(error: OSError, folder: Path, waiting: int) -> Fault:
    place = safe_text(str(folder), 200)
    if waiting == 1:
        said = "1 record waits"
    else:
        said = f"{waiting:,} records wait"
    if error.errno in _FULL:
        return Fault("busy", f"the disk is full: {said} in memory, not in {place}", "free some space")
    why = safe_text(error.strerror or "an error", 80)
    return Fault("denied", f"{place} cannot be written ({why}): {said} in memory", "check that directory")
