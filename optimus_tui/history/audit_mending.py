"""How an audit goes on that was moved away or lost: on purpose, by a person, and so that the chain tells of it.

``rotate`` takes over a file that somebody else moved (logrotate, say): nothing is missing then. ``accept_break`` goes
on without what is lost: the first record of a new file names the last known number and hash, and the reason. What lies
there is kept. It refuses to accept a break where there is none.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from optimus_tui.clock import Clock
from optimus_tui.history import file_lock
from optimus_tui.history.audit import AuditLog, AuditUnwritable, begin_file
from optimus_tui.history.audit_end import ROTATE, last_of, name_taken
from optimus_tui.history.audit_files import ACCEPTED, FILE, Checked, moved_to, part_name, siblings, verify, walk
from optimus_tui.history.audit_head import Head, read_head
from optimus_tui.history.audit_lines import FIRST
from optimus_tui.history.incident_files import keep_aside
from optimus_tui.history.state_files import Unreadable, open_plain, read_plain, reason, shown, sync_folder


class Accepted(Struct, frozen=True, kw_only=True):
    """What an accepted break came to: records ``first`` to ``last`` are lost (none where ``last`` is smaller).

    ``kept`` are the files that hold what was found.
    """

    first: int
    last: int
    kept: tuple[Path, ...]


def rotate(folder: Path, clock: Clock | None = None, reason: str = "asked for") -> Path:
    """Begin a new file; where the one before it lies now. It may have been moved by others. AuditUnwritable if not."""
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
        handle, _ = open_plain(place, os.O_RDWR)
        try:
            file_lock.lock(handle, place, "the audit")
            last = last_of(place, handle, head)
            kept = path.with_name(part_name(last.first))
            if kept.exists() and not kept.samefile(place):
                raise name_taken(kept)
            os.rename(place, kept)
            sync_folder(path.parent)
        finally:
            os.close(handle)
        begin_file(path.parent, clock, last, kept.name, {"reason": reason, "was": place.name})
    return kept


def accept_break(
    folder: Path, who: dict[str, str], reason: str, clock: Clock | None = None, actions: tuple[str, ...] = ()
) -> Accepted:
    """Go on without what is lost. ``actions`` are those in progress that the audit knows nothing of any more.

    AuditUnwritable where the audit is whole, or where nothing can be written.
    """
    path = folder / FILE
    with _alone(folder):
        head = _checked_head(path)
        base = _base(path, head)
        found = walk(base) if base is not None else None
        records, hashed = (found.records, found.last_hash) if found is not None else (0, FIRST)
        known = head if head is not None and head.seq >= records else Head(seq=records, hash=hashed)
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
    """The head, None where it is gone or damaged; AuditUnwritable where nothing is broken, or all could be had."""
    try:
        head = read_head(path.parent)
    except Unreadable:
        return None
    place = moved_to(path, head) if head is not None else None
    if place is not None:
        raise AuditUnwritable(f"nothing is lost: its records lie in {shown(place)}", ROTATE)
    try:
        whole = head is not None and verify(path).problem is None
    except FileNotFoundError:
        whole = head is not None and not head.seq
    if whole:
        raise AuditUnwritable("the audit is whole: there is no break to accept")
    return head


def _base(path: Path, head: Head | None) -> Path | None:
    """The newest file that belongs to the chain; None where there is none."""
    parts = sorted(one for one in siblings(path) if one.name.startswith("audit-from-"))
    try:
        (here,) = walk(path).parts[-1:]
    except (FileNotFoundError, ValueError):
        return parts[-1] if parts else None
    if here.first and (head is None or here.origin == head.origin):
        return path
    return parts[-1] if parts else None


def _kept(path: Path, base: Path | None, found: Checked | None) -> list[Path]:
    """Give what lies there names of its own: the file that the chain goes on from first."""
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
    """Bytes; 0 where there is no file. Unreadable where it is no plain file."""
    try:
        handle, found = open_plain(path)
    except FileNotFoundError:
        return 0
    os.close(handle)
    return found.st_size


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One repair at a time; every failure comes out as AuditUnwritable."""
    handle = -1
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        file_lock.lock(handle, folder, "the state directory")
        yield
    except Unreadable as error:
        raise AuditUnwritable(str(error)) from None
    except OSError as error:
        raise AuditUnwritable(f"{shown(folder)} cannot be written: {reason(error, folder)}") from None
    finally:
        if handle >= 0:
            os.close(handle)
