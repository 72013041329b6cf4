"""Continue an audit that was moved away or lost: on a person's request, and recorded in the chain.

``rotate`` takes over a file that others moved (logrotate, say): nothing is missing then. ``accept_break`` continues
without what is lost: the first record of a new file names the last known number and hash, and the reason. Files found
there are kept. Where nothing is broken, no break is accepted.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from optimus_tui.clock import Clock
from optimus_tui.history.audit.chain import FIRST, Head, read_head
from optimus_tui.history.audit.end import ROTATE, last_of, name_taken
from optimus_tui.history.audit.files import ACCEPTED, FILE, AuditCheck, moved_to, part_name, siblings, verify, walk
from optimus_tui.history.audit.log import AuditLog, AuditUnwritable, begin_file
from optimus_tui.storage.errors import UnreadableFile, reason, shown
from optimus_tui.storage.file_lock import lock
from optimus_tui.storage.private_file import PrivateFile, read_plain, sync_folder
from optimus_tui.storage.quarantine import keep_aside


class Accepted(Struct, frozen=True, kw_only=True):
    """An accepted break: records ``first`` to ``last`` are lost (none where ``last`` is smaller).

    ``kept`` are the files that hold what was found.
    """

    first: int
    last: int
    kept: tuple[Path, ...]


def rotate(folder: Path, clock: Clock | None = None, reason: str = "asked for") -> Path:
    """Begin a new file and return where the one before it is now, even if others have moved it.

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
    """Continue without what is lost. ``actions`` are those in progress that the audit no longer knows.

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
    """Return the size in bytes; 0 where there is no file. UnreadableFile where it is no plain file."""
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
