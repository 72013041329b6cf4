"""Verify that the audit's file ends with the record that was written last.

The file is compared with the head file and with what this process knows. A file that does not continue both is an
error, and its message says how to go on: the audit may have been moved or compressed beside its place.
"""

import contextlib
import os
from pathlib import Path
from typing import Any

from msgspec import structs

from optimus_tui.history.audit.chain import (
    ACCEPTED,
    HEADED,
    ROTATED,
    Chained,
    Head,
    decoded,
    end_problem,
    first_record,
    holds_end,
    problem_of,
    read,
    read_head,
    renew_head,
    write_head,
)
from optimus_tui.storage.private_file import PrivateFile, UnreadableFile, shown
from optimus_tui.wording.numbers import clause

VERIFY, ROTATE = "optimus-tui audit verify", "optimus-tui audit rotate"
ACCEPT = "optimus-tui audit accept-break --reason TEXT"
_TAIL = 1 << 16
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")
Stamp = tuple[int, int, int, int]
"""Device, inode, size and time of the last write: they identify a file and its state."""


class AuditUnwritable(Exception):
    """The audit cannot be written: ``message`` says why, ``remedy`` what would help (or empty). Both may be shown."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}{clause(remedy, ': ')}")
        self.message, self.remedy = message, remedy


def end_of(path: Path, handle: int, known: Head | None) -> tuple[Head, int]:
    """Return the last whole record of the locked file, after updating its head file, and the length of the file.

    ``known`` is the last record that this process knows of.

    Raises:
        AuditUnwritable: the file does not continue ``known`` or the head file's record.
    """
    size, head = os.fstat(handle).st_size, read_head(path.parent)
    if head is None:
        head = _adopted(path, handle, size, known)
    now = _follow(path, handle, _start(path, handle, size, head), _end_of_lines(handle, size))
    if end_problem(now.seq, now.hash, head):
        raise lost(path, head)
    if known is not None and not _descends(path, handle, known, head, now):
        raise lost(path, known)
    if now != head:
        now = write_head(path.parent, structs.replace(now, turn=head.turn + 1))
    return now, size


def stamp_of(handle: int) -> Stamp:
    """Return what identifies an open file, to notice later that another one has its name."""
    found = os.fstat(handle)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_before(path: Path, handle: int, known: Head) -> None:
    """Verify the chain of the open file up to ``known``.

    A file that continues an older one may begin after ``known``; otherwise it holds it. What it holds is verified.

    Raises:
        AuditUnwritable: a record was changed.
    """
    last: Chained | None = None
    with open(os.dup(handle), "rb") as file:
        file.seek(0)
        for line in file:
            if not line.endswith(b"\n") or (last is not None and last.seq >= known.seq):
                return
            record = decoded(line[:-1])
            if last is None and record is not None and isinstance(record.get("seq"), int):
                last = Chained(record["seq"] - 1, str(record.get("prev")))
            problem: str | None = "not an audit record"
            if last is not None and record is not None:
                problem = problem_of(line[:-1], record, last)
            if problem or record is None:
                raise AuditUnwritable(f"a record of {shown(path)} was changed since it was written: {problem}", VERIFY)
            last = Chained(record["seq"], record["hash"])


def last_of(path: Path, handle: int, head: Head) -> Head:
    """Return the last whole record of a file that holds that of ``head``; AuditUnwritable where one is not valid."""
    return _follow(path, handle, head, _end_of_lines(handle, os.fstat(handle).st_size))


def lost(path: Path, head: Head) -> AuditUnwritable:
    """Return the error for an audit that lacks the record that ``head`` names, with where it may be and what to do."""
    if not head.seq:
        return AuditUnwritable(f"{shown(path)} and its head file are gone, but older files of it are there", ACCEPT)
    place = moved_to(path, head)
    if place is not None:
        return AuditUnwritable(
            f"the audit was moved away while it was in use, its records are in {shown(place)} now",
            f"{ROTATE} takes that file over; nothing is done until then",
        )
    return AuditUnwritable(
        f"the audit {shown(path)} does not hold record {head.seq:,}, which was written to it",
        f"{VERIFY} says what is missing; {put_back(path)}, or go on without it with {ACCEPT}",
    )


def put_back(path: Path) -> str:
    """Return what to do about an audit that was moved or removed, and of which no unchanged copy lies beside it."""
    place = packed(path)
    if place is not None:
        return f"it may be compressed in {shown(place)}: unpack that file where it is, then {ROTATE}"
    if path.exists() and path.stat().st_size:
        return "put the file back as it was"
    folder = shown(path.parent)
    return f"if it was moved (to logrotate's olddir, say), put that file, unpacked, into {folder}, then {ROTATE}"


def name_taken(path: Path) -> AuditUnwritable:
    """Return the error for a file of the chain whose new name belongs to another file."""
    return AuditUnwritable(f"{shown(path)} is another file, but the audit needs its name")


def trouble(path: Path) -> str:
    """Return what is wrong with the end of the audit, by a quick check; empty if nothing is."""
    try:
        head = read_head(path.parent)
        if head is None or head.seq == 0:
            return ""
        try:
            opened = PrivateFile.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return f"{shown(path)} is gone"
        with opened, opened.stream() as file:
            ahead = first_record(file)
            if holds_end(opened.handle, opened.size, head) or (ahead is not None and ahead.get("prev") == head.hash):
                return ""
        return f"{shown(path)} does not end as audit.head says"
    except UnreadableFile as error:
        return str(error)


def _adopted(path: Path, handle: int, size: int, known: Head | None) -> Head:
    """Return a head for a new file, or for one that an earlier version wrote."""
    end = _end_of_lines(handle, size)
    first, last = _first(handle), decoded(_last_line(handle, end)) if end else {}
    if end and (last is None or not isinstance(last.get("seq"), int)):
        raise AuditUnwritable(f"the last line of {shown(path)} is not an audit record", ACCEPT)
    version = (last or {}).get("v")
    headed = isinstance(version, int) and version >= HEADED
    if (known is not None and known.seq) or headed or (not end and has_parts(path)):
        why = "audit.head is gone, so it is not known whether records are missing at the end of the audit"
        raise AuditUnwritable(why, f"{ACCEPT} continues nevertheless, and records that in the audit")
    if not end or not last or not first:
        return renew_head(path.parent, Head())
    head = Head(seq=last["seq"], hash=str(last["hash"]), length=end, first=int(first["seq"]), origin=str(first["hash"]))
    return renew_head(path.parent, head)


def _start(path: Path, handle: int, size: int, head: Head) -> Head:
    """Return the head at whose place the file is read on; at the file's beginning where it continues ``head`` there."""
    if holds_end(handle, size, head):
        return head
    first = _first(handle)
    begins = first is not None and first.get("event") in (ROTATED, ACCEPTED) and first.get("prev") == head.hash
    if begins and first is not None and first.get("seq") == head.seq + 1:
        return structs.replace(head, length=0, first=0, origin="")  # killed between the new file and its head
    raise lost(path, head)


def _follow(path: Path, handle: int, start: Head, end: int) -> Head:
    """Return the head after the whole lines that follow ``start``."""
    if end < start.length:
        raise lost(path, start)
    last, first, origin = Chained(start.seq, start.hash), start.first, start.origin
    for line in os.pread(handle, end - start.length, start.length).splitlines():
        record = decoded(line)
        if problem_of(line, record, last) or record is None:
            raise AuditUnwritable(f"the last line of {shown(path)} is not an audit record", ACCEPT)
        last = Chained(record["seq"], record["hash"])
        first, origin = first or last.seq, origin or last.hash
    return structs.replace(start, seq=last.seq, hash=last.hash, length=end, first=first, origin=origin)


def _descends(path: Path, handle: int, known: Head, head: Head, now: Head) -> bool:
    """Return whether the chain that ends with ``now`` continues the record that this process knows."""
    if head.seq < known.seq:
        return False
    if now.seq == known.seq:
        return now.hash == known.hash
    if (now.first, now.origin) == (known.first, known.origin):
        return holds_end(handle, now.length, known)
    next_one = (known.seq + 1, known.hash)  # also where the known record itself is lost, and the break was accepted
    return not known.seq or any((one.get("seq"), one.get("prev")) == next_one for one in read(path))


def _end_of_lines(handle: int, size: int) -> int:
    """Return the offset after the last line break."""
    end = size
    while end > 0:
        start = max(0, end - _TAIL)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_line(handle: int, end: int) -> bytes:
    start = _end_of_lines(handle, end - 1)
    return os.pread(handle, end - 1 - start, start)


def _first(handle: int) -> dict[str, Any] | None:
    with open(os.dup(handle), "rb") as file:
        return first_record(file)


def moved_to(path: Path, head: Head) -> Path | None:
    """Return the file beside the audit to which the audit was moved: the one with the record of ``head``; or None."""
    for one in siblings(path):
        with contextlib.suppress(OSError), PrivateFile.open(one, os.O_RDONLY) as file:
            if head.seq and holds_end(file.handle, file.size, head):
                return one
    return None


def packed(path: Path) -> Path | None:
    """Return the newest compressed file beside the audit that has its name (logrotate's ``compress``), or None.

    It is not opened: whether to unpack it is for a person to decide.
    """
    found = []
    for one in siblings(path):
        if one.name.startswith(path.name) and one.suffix in PACKED:
            with contextlib.suppress(OSError):
                found.append((one.lstat().st_mtime, one))
    if found:
        return max(found)[1]
    return None


def siblings(path: Path) -> list[Path]:
    """Return other files beside the audit that may be or may have been a part of it."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return []
    return [
        path.with_name(name) for name in names if ".jsonl" in name and name != path.name and not name.startswith(".")
    ]


def has_parts(path: Path) -> bool:
    """Return whether there are older files of a chain beside the audit."""
    return any(one.name.startswith("audit-from-") for one in siblings(path))


def part_name(first: int) -> str:
    """Return the name of an older file of the chain, by the number of its first record."""
    return f"audit-from-{first:010d}.jsonl"
