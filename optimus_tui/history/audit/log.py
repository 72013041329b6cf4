"""The audit: append-only files of chained JSON lines, and their continuation after a loss that a person accepted."""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct, structs

from optimus_tui.clock import Clock
from optimus_tui.history.audit.chain import (
    ACCEPTED,
    FILE,
    FIRST,
    ROTATED,
    AuditCheck,
    Chained,
    Head,
    read_head,
    record_line,
    renew_head,
    verify,
    walk,
    write_head,
)
from optimus_tui.history.audit.end import (
    ROTATE,
    AuditUnwritable,
    Stamp,
    check_before,
    end_of,
    has_parts,
    last_of,
    lost,
    moved_to,
    name_taken,
    part_name,
    siblings,
    stamp_of,
)
from optimus_tui.storage.append_log import AppendLog, keep_aside
from optimus_tui.storage.private_file import (
    LockHeld,
    PrivateFile,
    UnreadableFile,
    lock,
    put_in_place,
    read_plain,
    reason,
    shown,
    state_dir,
    sync_folder,
    unlock,
)
from optimus_tui.threads import Unanswered, within

__all__ = ["AuditLog", "AuditUnwritable", "begin_file", "quoted", "unquoted"]

MAX_BYTES = 64_000_000
"""The size of one file in bytes; then the next one is begun."""
DISK_SECONDS = 10.0
"""The time limit for writing a record to the disk."""
_NOTHING = "the audit holds no record yet: there is nothing to rotate"
T = TypeVar("T")


def quoted(key: bytes) -> str:
    """Return a key as readable plain ASCII from which ``unquoted`` restores exactly these bytes."""
    return quote_from_bytes(key, safe=":/@*[](),=+.-_~!")


def unquoted(text: str) -> bytes:
    """Return the key behind ``quoted``."""
    return unquote_to_bytes(text)


class AuditLog:
    """The writer of the audit, safe for several threads. ``append`` blocks for two ``fdatasync``, 10 s at most."""

    def __init__(
        self,
        folder: Path | None = None,
        clock: Clock | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        disk_seconds: float = DISK_SECONDS,
    ) -> None:
        self.folder = folder or state_dir()
        self._max_bytes, self._disk_seconds = max_bytes, disk_seconds
        self.path = self.folder / FILE
        self._clock = clock or Clock()
        self._file: AppendLog | None = None
        self._known: Head | None = None
        """The last record that this process knows to be on the disk; kept when the file is closed."""
        self._left: Stamp | None = None
        """The file as this process left it; a different stamp means that others wrote to it or changed it."""
        self._lock = threading.Lock()
        self._hanging: threading.Thread | None = None

    def append(self, event: str, action: str = "", **fields: object) -> Chained:
        """Write one record to the disk and return its number and hash.

        Raises:
            AuditUnwritable: the record does not count; what was written of it is cut off, now or by the next append.
        """
        return self._bounded(lambda given_up: self._append_locked(given_up, event, action, fields))

    def rotate(self, reason: str = "asked for") -> Path:
        """Begin a new file that continues the present one, and return where the old one is now.

        Raises:
            AuditUnwritable: no new file could be begun.
        """

        def work(given_up: threading.Event) -> Path:
            with self._ours(given_up, create=False) as file:
                return self._begin_next(file, reason)

        return self._bounded(work)

    def behind(self) -> str:
        """Return why the disk holds less than this process wrote; empty if it holds all.

        Raises:
            UnreadableFile: the head file is damaged.
        """
        head = read_head(self.folder)
        if head is None or head.seq >= self._head.seq:
            return ""
        return f"the audit ends with record {head.seq:,}, and this process wrote {self._head.seq:,}"

    def close(self) -> None:
        """Close the file. The next append opens it again and checks that it still ends as it did."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _bounded(self, work: Callable[[threading.Event], T]) -> T:
        """Run ``work`` in a thread that may be abandoned. Every failure comes out as AuditUnwritable."""
        if self._hanging is not None and self._hanging.is_alive():
            raise AuditUnwritable(f"the disk under {shown(self.folder)} still does not answer", "look at that disk")
        given_up = threading.Event()

        def locked() -> T:
            with self._lock:
                try:
                    return work(given_up)
                except BaseException:
                    self.close()
                    raise

        try:
            return within(self._disk_seconds, locked, "audit")
        except Unanswered as late:
            given_up.set()
            self._hanging = late.thread
            said = f"the disk under {shown(self.folder)} did not answer within {self._disk_seconds:.0f} s"
            raise AuditUnwritable(said, "look at that disk") from None
        except LockHeld as error:
            raise AuditUnwritable(str(error)) from None
        except UnreadableFile as error:
            raise AuditUnwritable(f"the audit cannot be written: {error}", "see optimus-tui audit verify") from None
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if full:
                what = "the disk is full"
            else:
                what = reason(error, self.folder)
            raise AuditUnwritable(f"the audit {shown(self.path)} cannot be written: {what}") from None

    def _append_locked(self, given_up: threading.Event, event: str, action: str, fields: dict[str, object]) -> Chained:
        with self._ours(given_up) as file:
            if self._head.length <= self._max_bytes:
                return self._append(file, event, action, fields)
            self._begin_next(file, f"larger than {self._max_bytes // 10**6} MB")
        with self._ours(given_up) as file:
            return self._append(file, event, action, fields)

    # -- the file, and whether it is the one that was written before

    @property
    def _head(self) -> Head:
        return self._known or Head()

    @contextlib.contextmanager
    def _ours(self, given_up: threading.Event, create: bool = True) -> Iterator[AppendLog]:
        """Open and lock the file, with its end verified to be the one that was written last."""
        while True:
            file = self._opened(create)
            lock(file.handle, self.path, "the audit")
            if file.is_in_place:
                break
            self.close()  # another process began a new file while we waited
        try:
            if given_up.is_set():
                raise UnreadableFile("the caller gave up before this record was written")
            if self._left is not None and self._left != stamp_of(file.handle):
                check_before(self.path, file.handle, self._head)
            self._known, size = end_of(self.path, file.handle, self._known)
            file.resume(self._known.length)
            if file.good < size:
                self._set_aside(file, size)
            yield file
        finally:
            if self._file is file:  # else it was closed, and its lock went with it
                self._left = stamp_of(file.handle)
                unlock(file.handle)

    def _opened(self, create: bool) -> AppendLog:
        if self._file is not None and self._file.is_in_place:
            return self._file
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        head = read_head(self.folder)
        new = not self._head.seq and (head is None or not head.seq) and not has_parts(self.path)
        try:
            file = AppendLog.open(self.path, os.O_RDWR | (os.O_CREAT if new and create else 0))
        except FileNotFoundError:
            if new:
                raise AuditUnwritable(_NOTHING) from None
            raise lost(self.path, self._head if self._head.seq else head or Head()) from None
        if os.fstat(file.handle).st_uid != os.geteuid():
            file.close()
            raise AuditUnwritable(f"the audit {shown(self.path)} is not an audit of Optimus TUI")
        file.make_private()
        if not file.size:
            sync_folder(self.folder)
        self._file = file
        return file

    # -- writing

    def _set_aside(self, file: AppendLog, size: int) -> None:
        torn = file.torn(2000)
        file.cut()
        self._append(file, "torn line set aside", "", {"bytes": size - file.good, "line": quoted(torn)})

    def _append(self, file: AppendLog, event: str, action: str, fields: dict[str, object]) -> Chained:
        head = self._head
        line, hashed = record_line(self._clock, Chained(head.seq, head.hash), event, action, fields)
        now = Head(
            seq=head.seq + 1,
            hash=hashed,
            length=head.length + len(line),
            first=head.first or head.seq + 1,
            origin=head.origin or hashed,
            turn=head.turn + 1,
        )
        try:
            file.append(line, confirm=lambda: write_head(self.folder, now))
        except OSError:
            with contextlib.suppress(OSError):
                write_head(self.folder, structs.replace(head, turn=head.turn + 2))
            raise
        self._known = now
        return Chained(now.seq, now.hash)

    def _begin_next(self, file: AppendLog, reason: str) -> Path:
        """Put a new file in the place of the present one and return the name that this one gets."""
        head = self._head
        if not head.seq:
            raise AuditUnwritable(_NOTHING)
        kept = self.path.with_name(part_name(head.first))
        with contextlib.suppress(FileExistsError):  # killed here before: it is the same file
            os.link(self.path, kept, follow_symlinks=False)
        if not os.path.samestat(os.stat(kept), os.fstat(file.handle)):
            raise name_taken(kept)
        self._known = begin_file(self.folder, self._clock, head, kept.name, {"reason": reason})
        self.close()
        return kept


def begin_file(
    folder: Path, clock: Clock, head: Head, kept: str, fields: dict[str, object], event: str = ROTATED
) -> Head:
    """Begin a new file of the audit, and return its head. The first record, an ``event``, continues ``head``."""
    more = {"file": kept, **fields}
    line, hashed = record_line(clock, Chained(head.seq, head.hash), event, "", more)
    put_in_place(folder / FILE, line)
    seq = head.seq + 1
    now = Head(seq=seq, hash=hashed, length=len(line), first=seq, origin=hashed, turn=head.turn + 1)
    if event == ROTATED:
        return write_head(folder, now)
    return renew_head(folder, now)


class Accepted(Struct, frozen=True, kw_only=True):
    """An accepted break: records ``first`` to ``last`` are lost (none where ``last`` is smaller).

    ``kept`` are the files that hold what was found.
    """

    first: int
    last: int
    kept: tuple[Path, ...]


def rotate(folder: Path, clock: Clock | None = None, reason: str = "asked for") -> Path:
    """Begin a new file and return the path of the previous one, even if another program has moved it.

    Raises:
        AuditUnwritable: no new file could be begun.
    """
    log, path = AuditLog(folder, clock), folder / FILE
    try:
        return log.rotate(reason)
    except AuditUnwritable:
        head = read_head(folder)
        place = moved_to(path, head) if head is not None else None
        if place is None or head is None:
            raise
        return _taken_over(path, place, head, clock or Clock(), reason)
    finally:
        log.close()


def _taken_over(path: Path, place: Path, head: Head, clock: Clock, reason: str) -> Path:
    with _alone(path.parent):
        if _size(path):
            raise AuditUnwritable(
                f"the audit was moved to {shown(place)}, and {shown(path)} holds other records now",
                f"move {path.name} away, so that the file with its records can be taken over",
            )
        with PrivateFile.open(place) as file:
            lock(file.handle, place, "the audit")
            last = last_of(place, file.handle, head)
            kept = path.with_name(part_name(last.first))
            if kept.exists() and not kept.samefile(place):
                raise name_taken(kept)
            os.rename(place, kept)
            sync_folder(path.parent)
        begin_file(path.parent, clock, last, kept.name, {"reason": reason, "was": place.name})
    return kept


def accept_break(
    folder: Path, who: dict[str, str], reason: str, clock: Clock | None = None, actions: tuple[str, ...] = ()
) -> Accepted:
    """Continue without the lost records. ``actions`` are actions in progress whose records are lost.

    Raises:
        AuditUnwritable: the audit is whole, or nothing can be written.
    """
    path = folder / FILE
    with _alone(folder):
        head = _checked_head(path)
        base = _base(path, head)
        found = walk(base) if base is not None else None
        records, hashed = (found.records, found.last_hash) if found is not None else (0, FIRST)
        if head is not None and head.seq >= records:
            known = head
        else:
            known = Head(seq=records, hash=hashed)
        if not known.seq:
            raise AuditUnwritable("there is no audit here that anything could be missing from")
        kept = _kept(path, base, found)
        fields = {
            "reason": reason, "who": who, "known": known.seq, "found": records, "found_hash": hashed,
            "kept": [one.name for one in kept], "actions": list(actions),
        }  # fmt: skip
        begin_file(folder, clock or Clock(), known, kept[0].name if found is not None else "", fields, ACCEPTED)
    return Accepted(first=records + 1, last=known.seq, kept=tuple(kept))


def _checked_head(path: Path) -> Head | None:
    """Return the head, None where it is gone or damaged; AuditUnwritable where nothing is lost."""
    try:
        head = read_head(path.parent)
    except UnreadableFile:
        return None
    place = moved_to(path, head) if head is not None else None
    if place is not None:
        raise AuditUnwritable(f"nothing is lost: its records are in {shown(place)}", ROTATE)
    try:
        whole = head is not None and verify(path).problem is None
    except FileNotFoundError:
        whole = head is not None and not head.seq
    if whole:
        raise AuditUnwritable("the audit is whole: there is no break to accept")
    return head


def _base(path: Path, head: Head | None) -> Path | None:
    """Return the newest file that belongs to the chain; None where there is none."""
    parts = sorted(one for one in siblings(path) if one.name.startswith("audit-from-"))
    try:
        (here,) = walk(path).parts[-1:]
    except (FileNotFoundError, ValueError):
        if parts:
            return parts[-1]
        return None
    if here.first and (head is None or here.origin == head.origin):
        return path
    if parts:
        return parts[-1]
    return None


def _kept(path: Path, base: Path | None, found: AuditCheck | None) -> list[Path]:
    """Give the existing files names of their own and return them, the one that the chain continues first."""
    kept: list[Path] = []
    if base is not None and base != path:
        kept.append(base)
    if _size(path) == 0:
        return kept
    if base != path or found is None:
        return [*kept, keep_aside(path.parent, "audit-unsound", read_plain(path)[0])]
    part = found.parts[-1]
    name = path.with_name(part_name(part.first))
    if _size(path) > part.sound_bytes:
        kept.append(keep_aside(path.parent, "audit-unsound", read_plain(path)[0]))
        os.truncate(path, part.sound_bytes)
    if not name.exists():
        os.link(path, name, follow_symlinks=False)
    elif not name.samefile(path):
        raise name_taken(name)
    sync_folder(path.parent)
    return [name, *kept]


def _size(path: Path) -> int:
    """Return the size in bytes; 0 where there is no file. UnreadableFile where it is not a regular file."""
    try:
        with PrivateFile.open(path, os.O_RDONLY) as file:
            return file.size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the state directory for one repair; every failure comes out as AuditUnwritable."""
    handle = -1
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        lock(handle, folder, "the state directory")
        yield
    except UnreadableFile as error:
        raise AuditUnwritable(str(error)) from None
    except OSError as error:
        raise AuditUnwritable(f"{shown(folder)} cannot be written: {reason(error, folder)}") from None
    finally:
        if handle >= 0:
            os.close(handle)
