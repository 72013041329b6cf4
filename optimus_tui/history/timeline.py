"""The timeline of one incident: events appended by one process at a time, durable before they are acknowledged.

``append`` returns True only when the record is on disk (``fdatasync``). What the disk does not take (full, gone) is
removed back to the last whole record, waits in memory with its evidence, in order, and is tried again with the next
one; ``fault`` says so. A torn last line is moved to a file of its own and reported. A file that is damaged, newer,
another user's or open in another process is read as far as possible and never written. Nothing is deleted.
"""

import contextlib
import errno
from pathlib import Path

from optimus_tui.contract.incident import Evidence
from optimus_tui.contract.incident_events import AnyEvent
from optimus_tui.contract.reading import Fault
from optimus_tui.history import incident_files as files
from optimus_tui.history.records import encode, scan
from optimus_tui.storage.append_log import AppendLog
from optimus_tui.storage.errors import UnreadableFile
from optimus_tui.storage.file_lock import LockHeld
from optimus_tui.storage.private_file import PrivateFile, put_in_place, sync_folder
from optimus_tui.storage.quarantine import keep_aside
from optimus_tui.wording.safe import safe_text

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAX_WAITING = 10_000


class Timeline:
    """An open timeline, from ``open_timeline``. Not thread-safe: its owner serialises the calls."""

    def __init__(self, folder: Path, events: tuple[AnyEvent, ...], last: int) -> None:
        self.folder, self.events = folder, events
        """``events``: as they were on disk when it was opened."""
        self.read_only = ""
        """Why nothing can be recorded; empty where it can."""
        self.notices: tuple[str, ...] = ()
        """What was found on opening: a torn line set aside, lines that cannot be trusted."""
        self.fault: Fault | None = None
        """Why records wait in memory now."""
        self.last = last
        self._waiting: list[tuple[bytes, list[tuple[Evidence, bytes]]]] = []
        self._file: AppendLog | None = None
        self._lock: PrivateFile | None = None

    @property
    def waiting(self) -> int:
        """Return the number of records that are in memory only."""
        return len(self._waiting)

    def describe(self, stem: str, document: bytes, ending: str = "json") -> Evidence:
        """Return name, digest and size of a document that is passed to ``append`` with the next record."""
        return files.describe(stem, self.last + 1, document, ending)

    def append(self, event: AnyEvent, *evidence: tuple[Evidence, bytes]) -> bool:
        """Record an event after its evidence; return True once both are on disk, False while they wait in memory."""
        if self.read_only or self._file is None:
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
                if self._file is None:
                    raise OSError(errno.EBADF, "closed")
                self._file.append(line)
            except OSError as error:
                self.fault = _fault(error, self.folder, len(self._waiting))
                return False
            self._waiting.pop(0)
        self.fault = None
        return True

    def read(self, evidence: Evidence) -> bytes:
        """Return a document of this incident, also one that waits; UnreadableFile where it is gone or changed."""
        for _, documents in self._waiting:
            for kept, data in documents:
                if kept == evidence:
                    return data
        return files.read_evidence(self.folder, evidence)

    def close(self) -> None:
        """Try once more to write what waits, and release the lock. Safe to call twice."""
        if self._file is not None:
            self.flush()
            self._file.close()
            self._file = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def open_timeline(folder: Path, who: str, *, write: bool = True) -> Timeline:
    """Open the timeline in ``folder``, for writing where possible (see ``read_only``). UnreadableFile otherwise.

    ``who`` is shown to processes that try to write later.
    """
    refused = "" if write else "it was opened for reading"
    with contextlib.ExitStack() as stack:
        lock = None
        if write:
            try:
                lock = stack.enter_context(files.lock_incident(folder, who))
            except LockHeld as error:
                refused = str(error)
            except OSError as error:
                refused = f"it cannot be locked: {error.strerror}"
        timeline = _open(folder, refused, lock is not None)
        if timeline._file is not None:
            timeline._lock = lock
            stack.pop_all()
    return timeline


def new_timeline(root: Path, who: str) -> tuple[int, Timeline]:
    """Create an incident and return its number and its empty timeline. OSError where that is not possible."""
    number, folder = files.new_folder(root)
    PrivateFile.new(folder / files.TIMELINE).close()
    sync_folder(folder)
    timeline = open_timeline(folder, who)
    if timeline.read_only:
        raise OSError(errno.EACCES, timeline.read_only)
    return number, timeline


def _open(folder: Path, refused: str, write: bool) -> Timeline:
    path = folder / files.TIMELINE
    data, distrust = files.read_plain(path)
    found = scan(data)
    timeline = Timeline(folder, found.events, found.last)
    notices = []
    if found.damage:
        notices = [f"{found.damage}; the file is kept as it is"]
    refused = refused or distrust or found.damage or (found.newer and f"{found.newer}; update this installation")
    if write and not refused:
        try:
            timeline._file = AppendLog.open(path)
            timeline._file.make_private()
            timeline._file.resume(found.good)
            if found.tail:
                kept = keep_aside(folder, "torn", found.tail)
                timeline._file.cut()
                size = f"{len(found.tail):,} bytes"
                where = safe_text(kept.name, 80)
                notices.append(f"the last line was torn ({size}, never acknowledged); it is in {where} now")
        except OSError as error:
            refused = f"its file cannot be written: {error.strerror}"
            if timeline._file is not None:
                timeline._file.close()
                timeline._file = None
    elif found.tail:
        notices.append(f"the last line is torn ({len(found.tail):,} bytes): its record was never acknowledged")
    timeline.read_only, timeline.notices = refused, tuple(notices)
    return timeline


def quarantine(folder: Path, who: str) -> tuple[Path, int]:
    """Move a damaged timeline aside for good, and begin a new one with the records that could be read.

    Returns:
        The path of the damaged file, and the number of records in the new one.

    Raises:
        UnreadableFile: (or OSError) nothing was changed.
    """
    with files.lock_incident(folder, who):
        data, distrust = files.read_plain(folder / files.TIMELINE)
        found = scan(data)
        if distrust or found.newer or not found.damage:
            raise UnreadableFile(distrust or found.newer or "its file is not damaged")
        lines = b"".join(encode(number, event) for number, event in enumerate(found.events, 1))
        damaged = keep_aside(folder, "damaged", data)
        put_in_place(folder / files.TIMELINE, lines)
        return damaged, len(found.events)


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
