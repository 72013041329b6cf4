"""The audit as a whole: one chain over the file in use and those before it, read and verified in their order.

The first record of a later file names the one before it: after ``rotated`` nothing is missing, after ``break accepted``
something is, and the record says what and why. Nothing is repaired here, and a chain that ends before its head is not
whole.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from msgspec import Struct, structs

from optimus_tui.history.audit.chain import FIRST, HEADED, Chained, Head, decoded, problem_of, read_head
from optimus_tui.storage.private_file import PrivateFile
from optimus_tui.wording.numbers import plural

FILE = "audit.jsonl"
ROTATED, ACCEPTED = "rotated", "break accepted"
MAX_LINE = 64_000_000
_NAME = re.compile(r"audit[A-Za-z0-9._-]{0,80}", re.ASCII)
MOST_FILES = 10_000
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")


class AuditPart(Struct, frozen=True, kw_only=True):
    """One file of the chain, with the numbers of its first and last valid record (0: it has none).

    ``origin`` is the hash of the first one, ``sound_bytes`` the length of the file up to the end of the last.
    """

    name: str
    first: int
    last: int
    origin: str = ""
    sound_bytes: int = 0


class AuditBreak(Struct, frozen=True, kw_only=True):
    """An accepted break: records ``first`` to ``last`` are lost (none where ``last`` is smaller), when and why."""

    first: int
    last: int
    at: str
    reason: str


class AuditCheck(Struct, frozen=True, kw_only=True):
    """The result of verifying a chain. ``records`` is the number of the last valid record.

    ``broken_line`` is the first line (from 1) of ``broken_file`` that is not valid, None where the end or a whole file
    is missing. ``problem`` says what is wrong. ``torn_bytes`` at the end are a record that was never finished, which
    breaks no chain. ``headless``: an earlier version wrote it, without a head file, so a cut end would not show.
    """

    records: int
    last_hash: str
    first_at: str | None = None
    last_at: str | None = None
    torn_bytes: int = 0
    broken_file: str = ""
    broken_line: int | None = None
    problem: str | None = None
    parts: tuple[AuditPart, ...] = ()
    breaks: tuple[AuditBreak, ...] = ()
    headless: bool = False


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield all readable records, in order, over all files of the chain that ends with ``path``.

    Lines that cannot be read are left out (``verify`` reports them).

    Raises:
        Unreadable: a file is no plain file.
    """
    with opened(path) as (files, _):
        for _, file in files:
            for line in file:
                record = decoded(line[:-1]) if line.endswith(b"\n") else None
                if record is not None:
                    yield record


def verify(path: Path) -> AuditCheck:
    """Verify the whole chain, from its first record to the head. OSError where a file cannot be read."""
    for again in (True, False):
        head = read_head(path.parent) if path.name == FILE else None
        try:
            checked = _against_head(walk(path), head, path)
        except FileNotFoundError:
            if head is None or not head.seq:
                raise
            checked = AuditCheck(
                records=0, last_hash=FIRST, problem=f"it is gone: it held {plural(head.seq, 'record')}"
            )
        if not checked.problem or not again:  # a writer may have begun a new file in between
            break
    return checked


def walk(path: Path) -> AuditCheck:
    """Verify the chain that ends with this file, without the head. OSError where a file cannot be read."""
    with opened(path) as (files, missing):
        if not files:
            path.stat()
        return _ChainWalk().over(files, missing)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[list[tuple[Path, IO[bytes]]], str]]:
    """Open the files of the chain that ends with ``path``: yield them oldest first, and the name of a missing one."""
    files: list[tuple[Path, IO[bytes]]] = []
    with contextlib.ExitStack() as stack:
        missing, seen, at = "", set(), path
        while len(files) < MOST_FILES:
            try:
                opened = stack.enter_context(PrivateFile.open(at, os.O_RDONLY))
            except FileNotFoundError:
                missing = at.name if files else ""
                break
            file, found = stack.enter_context(opened.stream()), os.fstat(opened.handle)
            if (found.st_dev, found.st_ino) in seen:
                break
            seen.add((found.st_dev, found.st_ino))
            files.insert(0, (at, file))
            earlier = before(first_record(file))
            if not earlier:
                break
            at = path.with_name(earlier)
        yield files, missing


def first_record(file: IO[bytes]) -> dict[str, Any] | None:
    """Return the first record of an open file, and rewind the file."""
    file.seek(0)
    line = file.readline(MAX_LINE)
    file.seek(0)
    if line.endswith(b"\n"):
        return decoded(line[:-1])
    return None


def before(record: dict[str, Any] | None) -> str:
    """Return the name of the file that a first record continues; empty where it is the first of all."""
    if record is None or record.get("event") not in (ROTATED, ACCEPTED):
        return ""
    name = record.get("file")
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    return ""


class _ChainWalk:
    """Follows the chain through open files."""

    def __init__(self) -> None:
        self.last, self.parts, self.breaks = Chained(0, FIRST), list[AuditPart](), list[AuditBreak]()
        self.at: list[str] = []
        self.torn, self.version = 0, 0
        self.broken: tuple[str, int | None, str] | None = None

    def over(self, files: list[tuple[Path, IO[bytes]]], missing: str) -> AuditCheck:
        """Verify these files in order. ``missing`` is the name of a file before them that is gone."""
        if missing:
            self.broken = (missing, None, f"{missing}, which the next file continues, is missing")
        for path, file in files:
            if self.broken:
                break
            self._through(path, file)
        name, line, problem = self.broken or ("", None, None)
        return AuditCheck(
            records=self.last.seq,
            last_hash=self.last.hash,
            first_at=self.at[0] if self.at else None,
            last_at=self.at[-1] if self.at else None,
            torn_bytes=self.torn,
            broken_file=name,
            broken_line=line,
            problem=problem,
            parts=tuple(self.parts),
            breaks=tuple(self.breaks),
            headless=self.version < HEADED,
        )

    def _through(self, path: Path, file: IO[bytes]) -> None:
        first, origin, sound = 0, "", 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                self.torn = len(line)
                break
            record = decoded(line[:-1])
            if number == 1 and record is not None and record.get("event") == ACCEPTED:
                self._accept(record)
            problem = problem_of(line[:-1], record, self.last)
            if problem or record is None:
                self.broken = (path.name, number, problem or "not a record")
                break
            self.last = Chained(record["seq"], record["hash"])
            first, origin, sound = first or self.last.seq, origin or self.last.hash, sound + len(line)
            self.version = max(self.version, record["v"] if isinstance(record.get("v"), int) else 0)
            self.at = [*self.at[:1], str(record.get("at"))]
        last = self.last.seq if first else 0
        self.parts.append(AuditPart(name=path.name, first=first, last=last, origin=origin, sound_bytes=sound))

    def _accept(self, record: dict[str, Any]) -> None:
        """Continue from what was known when the break was accepted, if only the end was lost."""
        known, found = record.get("known"), (record.get("found"), record.get("found_hash"))
        kept = found == tuple(self.last) or not before(record)
        if not isinstance(known, int) or known < self.last.seq or not kept:
            return
        lost_from = self.last.seq + 1 if before(record) else 1
        self.breaks.append(
            AuditBreak(first=lost_from, last=known, at=str(record.get("at")), reason=str(record.get("reason", "")))
        )
        self.last = Chained(known, str(record.get("prev")))


def _against_head(checked: AuditCheck, head: Head | None, path: Path) -> AuditCheck:
    """Return the result after comparing the end of the chain with the head file."""
    if path.name != FILE:
        return structs.replace(checked, headless=False)
    if checked.problem:
        return checked
    if head is None:
        if checked.headless or not checked.records:
            return checked
        why = "it is not known whether records are missing at the end"
        return structs.replace(checked, problem=f"audit.head, which was written beside it, is missing: {why}")
    problem = end_problem(checked.records, checked.last_hash, head)
    if problem is None and checked.records > head.seq and not _holds(path, head):
        problem = f"record {head.seq:,} differs from the one in audit.head"
    return structs.replace(checked, problem=problem, headless=False)


def end_problem(seq: int, hashed: str, head: Head) -> str | None:
    """Return why a valid chain that ends with record ``seq`` is not that of ``head``; None where it may be."""
    if seq < head.seq:
        lost = head.seq - seq
        if lost == 1:
            which = f"record {head.seq:,} is"
        else:
            which = f"records {seq + 1:,} to {head.seq:,} are"
        return f"{which} missing at the end: {plural(head.seq, 'record')} were written"
    if seq == head.seq and hashed != head.hash:
        return f"record {seq:,} differs from the one in audit.head"
    return None


def _holds(path: Path, head: Head) -> bool:
    return head.seq == 0 or any(
        record.get("seq") == head.seq and record.get("hash") == head.hash for record in read(path)
    )


def holds_end(handle: int, size: int, head: Head) -> bool:
    """Return whether the record of ``head`` ends where ``head`` says in this open file."""
    if head.seq == 0:
        return True
    if size < head.length or head.length < 80:
        return False
    end = f'"hash":"{head.hash}"}}\n'.encode()
    return os.pread(handle, len(end), head.length - len(end)) == end


def moved_to(path: Path, head: Head) -> Path | None:
    """Return the file beside the audit that holds the record of ``head``, which was moved there; None for none."""
    for one in siblings(path):
        with contextlib.suppress(OSError), PrivateFile.open(one, os.O_RDONLY) as file:
            if head.seq and holds_end(file.handle, file.size, head):
                return one
    return None


def packed(path: Path) -> Path | None:
    """Return the newest compressed file with the audit's name beside it (logrotate's ``compress``); None for none.

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
