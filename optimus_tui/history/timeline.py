"""The private directories of incidents, and the timeline in each: one process at a time appends events.

An event counts only once it is on the disk.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from optimus_tui.contract.incident import Evidence
from optimus_tui.contract.incident_events import AnyEvent
from optimus_tui.contract.reading import Fault
from optimus_tui.storage import private_file
from optimus_tui.storage.append_log import AppendLog, keep_aside
from optimus_tui.storage.private_file import (
    MAX_BYTES,
    LockHeld,
    PrivateFile,
    UnreadableFile,
    distrust,
    names_in,
    put_in_place,
    shown,
    state_dir,
    sync_folder,
    try_lock,
)
from optimus_tui.wording.numbers import agreeing
from optimus_tui.wording.safe import safe_text

TIMELINE, LOCK, EVIDENCE = "timeline.jsonl", "lock", "evidence"
_NAME = re.compile(r"^[0-9]{4,9}$")
_EVIDENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
VERSION = 1
MAX_LINE = 4_000_000
_DECODE_EVENT = msgspec.json.Decoder(AnyEvent)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAX_WAITING = 10_000


def incidents_dir() -> Path:
    """Return the directory of all incidents of this user."""
    return state_dir() / "incidents"


def numbers(root: Path) -> list[int]:
    """Return the numbers of the incidents, oldest first. UnreadableFile where that is not possible."""
    return sorted(int(name) for name in names_in(root) if _NAME.match(name))


def folder_of(root: Path, number: int) -> Path:
    """Return the directory of an incident; it need not exist."""
    return root / f"{number:04d}"


def new_folder(root: Path) -> tuple[int, Path]:
    """Create a directory under the next free number, never one that another process creates.

    Raises:
        OSError: none can be created.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = max(numbers(root), default=0) + 1
    while True:
        folder = folder_of(root, number)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        sync_folder(root)
        return number, folder


# -- who writes


def lock_incident(folder: Path, who: str) -> PrivateFile:
    """Make this process the one that may write, and return the lock. ``who`` is shown to others.

    Raises:
        LockHeld: another process has the lock; the message names it.
        OSError: the lock cannot be made.
    """
    try:
        file = PrivateFile.take(folder / LOCK, os.O_RDWR | os.O_CREAT)
    except LockHeld:
        with PrivateFile.open(folder / LOCK) as held:
            raise LockHeld(f"it is open elsewhere: {_owner(held)}") from None
    with contextlib.suppress(OSError):  # a full disk: the lock holds without its owner's name
        os.ftruncate(file.handle, 0)
        file.write(who.encode("utf-8", "backslashreplace")[:300])
    return file


def is_held(folder: Path) -> str:
    """Return who writes to this incident now; empty if nobody does."""
    try:
        file = PrivateFile.open(folder / LOCK)
    except OSError:
        return ""
    with file:
        with contextlib.suppress(OSError):
            if try_lock(file.handle, shared=True):
                return ""
        return _owner(file)


def _owner(file: PrivateFile) -> str:
    return safe_text(os.pread(file.handle, 400, 0), 200) or "another process"


# -- reading, and what is wrong with a file


def read_plain(path: Path, limit: int = MAX_BYTES) -> tuple[bytes, str]:
    """Return the bytes of a file, and why it may not be continued (empty if it may).

    UnreadableFile if it cannot be read.
    """
    try:
        data, found = private_file.read_plain(path, limit)
    except FileNotFoundError as error:
        raise UnreadableFile(f"{shown(path)} cannot be read: {error.strerror}") from None
    return data, distrust(found)


# -- evidence


def describe(stem: str, number: int, document: bytes, ending: str = "json") -> Evidence:
    """Return the file name, digest and size for a document. ``number`` makes the name unique within the incident."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem)[:60] or "document"
    digest = hashlib.sha256(document).hexdigest()
    return Evidence(name=f"{number:04d}-{plain}.{ending}", sha256=digest, size=len(document))


def write_evidence(folder: Path, evidence: Evidence, document: bytes) -> None:
    """Write the document in one step; after an OSError there is nothing under its name."""
    place = folder / EVIDENCE
    place.mkdir(mode=0o700, exist_ok=True)
    put_in_place(place / evidence.name, document)


def read_evidence(folder: Path, evidence: Evidence) -> bytes:
    """Return the unchanged document; UnreadableFile where it is gone or changed."""
    if not _EVIDENCE.match(evidence.name):
        raise UnreadableFile("the record names no file of this incident")
    data, _ = read_plain(folder / EVIDENCE / evidence.name)
    if hashlib.sha256(data).hexdigest() != evidence.sha256:
        raise UnreadableFile(f"{evidence.name} is not what was recorded: its digest differs")
    return data


class _Line(Struct, frozen=True):
    v: int
    n: int
    sum: str
    event: msgspec.Raw


class Scan(Struct, frozen=True, kw_only=True):
    """The content of a file. ``good`` is the length in bytes of its whole records; then follows the torn ``tail``.

    ``damage`` is a sentence about damaged lines in between, ``newer`` about lines that only a newer version can read.
    """

    events: tuple[AnyEvent, ...] = ()
    good: int = 0
    last: int = 0
    tail: bytes = b""
    damage: str = ""
    newer: str = ""


_DECODE_LINE = msgspec.json.Decoder(_Line)


def encode(number: int, event: AnyEvent) -> bytes:
    """Return the line of record ``number`` (from 1), with its newline."""
    raw = msgspec.json.encode(event)
    line = _Line(VERSION, number, _sum(number, raw), msgspec.Raw(raw))
    return msgspec.json.encode(line) + b"\n"


def scan(data: bytes) -> Scan:
    """Return all records of a file that can be trusted."""
    events: list[AnyEvent] = []
    good = last = 0
    bad: list[int] = []
    newer = ""
    *lines, tail = data.split(b"\n")
    unread = False
    for place, raw in enumerate(lines, 1):
        found = _read(raw)
        unread = found is None
        number = found[0] if isinstance(found, tuple) else last + 1
        if isinstance(found, str):
            newer = newer or f"line {place} was written by a newer version"
        elif found is None or number != last + 1:
            bad.append(place)
        if isinstance(found, tuple) and number > last:
            events.append(found[1])
        last = max(last, number)
        good += len(raw) + 1
    if unread and len(lines) > 1 and bad == [len(lines)]:
        # The last line ends, and is wrong: the disk did not take it as it was given, so nobody was told that it was
        # kept. It is set aside like one that is torn.
        good -= len(lines[-1]) + 1
        tail, bad, last = lines[-1] + b"\n" + tail, [], last - 1
    return Scan(events=tuple(events), good=good, last=last, tail=tail, damage=_damage(bad), newer=newer)


def _read(raw: bytes) -> "tuple[int, AnyEvent] | str | None":
    """Return number and event; a word where a newer version wrote it; None where it cannot be trusted."""
    if len(raw) > MAX_LINE:
        return None
    try:
        line = _DECODE_LINE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    event = bytes(line.event)
    if line.sum != _sum(line.n, event) or line.n < 1:
        return None
    if line.v > VERSION:
        return "newer"
    try:
        return line.n, _DECODE_EVENT.decode(event)
    except (msgspec.MsgspecError, RecursionError):
        return "newer"  # the checksum fits: it is whole, and a kind of event that this version does not know


def _damage(bad: list[int]) -> str:
    if not bad:
        return ""
    shown = ", ".join(str(one) for one in bad[:5]) + ("…" if len(bad) > 5 else "")
    return f"{agreeing(len(bad), 'line', 'lines')} {shown} cannot be trusted: the checksum does not fit"


def _sum(number: int, raw: bytes) -> str:
    return hashlib.sha256(b"%d:" % number + raw).hexdigest()[:16]


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
        return describe(stem, self.last + 1, document, ending)

    def append(self, event: AnyEvent, *evidence: tuple[Evidence, bytes]) -> bool:
        """Record an event after its evidence. Return True once both are on disk, False while they wait in memory."""
        if self.read_only or self._file is None:
            raise RuntimeError(f"a record for a timeline that is read-only: {self.read_only or 'closed'}")
        if len(self._waiting) >= MAX_WAITING:
            raise RuntimeError(f"{MAX_WAITING:,} records wait in memory; no more are taken")
        line = encode(self.last + 1, event)
        self.last += 1
        self._waiting.append((line, list(evidence)))
        return self.flush()

    def flush(self) -> bool:
        """Try again to write what is in memory only; return True if nothing is left."""
        while self._waiting:
            line, documents = self._waiting[0]
            try:
                while documents:
                    write_evidence(self.folder, *documents[0])
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
        """Return a document of this incident, even one not written yet; UnreadableFile where it is gone or changed."""
        for _, documents in self._waiting:
            for kept, data in documents:
                if kept == evidence:
                    return data
        return read_evidence(self.folder, evidence)

    def remove(self) -> None:
        """Remove the incident's directory with its records and evidence, and release the lock.

        Raises:
            OSError: It cannot be removed.
        """
        if self.read_only:
            raise OSError(errno.EPERM, self.read_only)
        self._waiting.clear()
        shutil.rmtree(self.folder)
        self.close()
        self.read_only = "it was removed"

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
    """Open the timeline in ``folder``, for writing if possible (see ``read_only``), else raise UnreadableFile.

    ``who`` is shown to processes that try to write later.
    """
    refused = "" if write else "it was opened for reading"
    with contextlib.ExitStack() as stack:
        lock = None
        if write:
            try:
                lock = stack.enter_context(lock_incident(folder, who))
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
    number, folder = new_folder(root)
    PrivateFile.new(folder / TIMELINE).close()
    sync_folder(folder)
    timeline = open_timeline(folder, who)
    if timeline.read_only:
        raise OSError(errno.EACCES, timeline.read_only)
    return number, timeline


def _open(folder: Path, refused: str, write: bool) -> Timeline:
    path = folder / TIMELINE
    data, distrust = read_plain(path)
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
    with lock_incident(folder, who):
        data, distrust = read_plain(folder / TIMELINE)
        found = scan(data)
        if distrust or found.newer or not found.damage:
            raise UnreadableFile(distrust or found.newer or "its file is not damaged")
        lines = b"".join(encode(number, event) for number, event in enumerate(found.events, 1))
        damaged = keep_aside(folder, "damaged", data)
        put_in_place(folder / TIMELINE, lines)
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
