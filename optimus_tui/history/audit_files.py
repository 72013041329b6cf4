"""The audit as a whole: one chain over the file in use and those before it, read and verified in their order.

The first record of a later file names the one before it: after ``rotated`` nothing is missing, after ``break accepted``
something is, and the record says what and why. It refuses to repair, and to call whole what ends before its head.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from msgspec import Struct, structs

from optimus_tui.history.audit_head import Head, read_head
from optimus_tui.history.audit_lines import FIRST, HEADED, Chained, decoded, problem_of
from optimus_tui.history.state_files import open_plain
from optimus_tui.wording.numbers import plural

FILE = "audit.jsonl"
ROTATED, ACCEPTED = "rotated", "break accepted"
MAX_LINE = 64_000_000
_NAME = re.compile(r"audit[A-Za-z0-9._-]{0,80}", re.ASCII)
MOST_FILES = 10_000
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")


class Part(Struct, frozen=True, kw_only=True):
    """One file of the chain: the numbers of its first and last sound record (0: it has none).

    ``origin`` is the hash of the first one, ``sound_bytes`` the length of the file up to the last.
    """

    name: str
    first: int
    last: int
    origin: str = ""
    sound_bytes: int = 0


class Break(Struct, frozen=True, kw_only=True):
    """An accepted break: records ``first`` to ``last`` are lost (none where ``last`` is smaller), when, and why."""

    first: int
    last: int
    at: str
    reason: str


class Checked(Struct, frozen=True, kw_only=True):
    """``records`` is the number of the last sound record; ``broken_line`` the first line (from 1) of ``broken_file``
    that is not sound, None where it is the end or a whole file that is missing. ``problem`` says what is wrong.

    ``torn_bytes`` at the end are a record that was never finished, which no writer counts on: not a broken chain.
    ``headless``: an earlier version wrote it, without a head file, so a cut end would not show.
    """

    records: int
    last_hash: str
    first_at: str | None = None
    last_at: str | None = None
    torn_bytes: int = 0
    broken_file: str = ""
    broken_line: int | None = None
    problem: str | None = None
    parts: tuple[Part, ...] = ()
    breaks: tuple[Break, ...] = ()
    headless: bool = False


def read(path: Path) -> Iterator[dict[str, Any]]:
    """All records that can be read, in order, over all files of the chain that ends with ``path``.

    Lines that cannot be read are left out (``verify`` says so). Unreadable where a file is no plain file.
    """
    with opened(path) as (files, _):
        for _, file in files:
            for line in file:
                record = decoded(line[:-1]) if line.endswith(b"\n") else None
                if record is not None:
                    yield record


def verify(path: Path) -> Checked:
    """The whole chain, from its first record to the head. OSError where a file cannot be read."""
    for again in (True, False):
        head = read_head(path.parent) if path.name == FILE else None
        try:
            checked = _against_head(walk(path), head, path)
        except FileNotFoundError:
            if head is None or not head.seq:
                raise
            checked = Checked(records=0, last_hash=FIRST, problem=f"it is gone: it held {plural(head.seq, 'record')}")
        if not checked.problem or not again:  # a writer may have begun a new file in between
            break
    return checked


def walk(path: Path) -> Checked:
    """The chain that ends with this file, without a look at the head. OSError where a file cannot be read."""
    with opened(path) as (files, missing):
        if not files:
            path.stat()
        return _Walk().over(files, missing)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[list[tuple[Path, IO[bytes]]], str]]:
    """The open files of the chain that ends with ``path``, oldest first, and the name of one that is missing."""
    files: list[tuple[Path, IO[bytes]]] = []
    with contextlib.ExitStack() as stack:
        missing, seen, at = "", set(), path
        while len(files) < MOST_FILES:
            try:
                handle, found = open_plain(at)
            except FileNotFoundError:
                missing = at.name if files else ""
                break
            file = stack.enter_context(open(handle, "rb"))
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
    """The first record of an open file; the file is at its start again."""
    file.seek(0)
    line = file.readline(MAX_LINE)
    file.seek(0)
    return decoded(line[:-1]) if line.endswith(b"\n") else None


def before(record: dict[str, Any] | None) -> str:
    """The name of the file that a first record goes on from; empty where it is the first of all."""
    if record is None or record.get("event") not in (ROTATED, ACCEPTED):
        return ""
    name = record.get("file")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


class _Walk:
    """Follows the chain through open files."""

    def __init__(self) -> None:
        self.last, self.parts, self.breaks = Chained(0, FIRST), list[Part](), list[Break]()
        self.at: list[str] = []
        self.torn, self.version = 0, 0
        self.broken: tuple[str, int | None, str] | None = None

    def over(self, files: list[tuple[Path, IO[bytes]]], missing: str) -> Checked:
        if missing:
            self.broken = (missing, None, f"{missing}, which the next file goes on from, is missing")
        for path, file in files:
            if self.broken:
                break
            self._through(path, file)
        name, line, problem = self.broken or ("", None, None)
        return Checked(
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
        self.parts.append(Part(name=path.name, first=first, last=last, origin=origin, sound_bytes=sound))

    def _accept(self, record: dict[str, Any]) -> None:
        """Go on from what was known when the break was accepted, as long as nothing else than the end was lost."""
        known, found = record.get("known"), (record.get("found"), record.get("found_hash"))
        kept = found == tuple(self.last) or not before(record)
        if not isinstance(known, int) or known < self.last.seq or not kept:
            return
        lost_from = self.last.seq + 1 if before(record) else 1
        self.breaks.append(
            Break(first=lost_from, last=known, at=str(record.get("at")), reason=str(record.get("reason", "")))
        )
        self.last = Chained(known, str(record.get("prev")))


def _against_head(checked: Checked, head: Head | None, path: Path) -> Checked:
    """The end of the chain against the head file."""
    if path.name != FILE:
        return structs.replace(checked, headless=False)
    if checked.problem:
        return checked
    if head is None:
        if checked.headless or not checked.records:
            return checked
        why = "nobody can tell whether records are missing at the end"
        return structs.replace(checked, problem=f"audit.head, which was written beside it, is missing: {why}")
    problem = end_problem(checked.records, checked.last_hash, head)
    if problem is None and checked.records > head.seq and not _holds(path, head):
        problem = f"record {head.seq:,} is another than audit.head knows"
    return structs.replace(checked, problem=problem, headless=False)


def end_problem(seq: int, hashed: str, head: Head) -> str | None:
    """Why a sound chain that ends with record ``seq`` is not the one of ``head``; None where its end may be right."""
    if seq < head.seq:
        lost = head.seq - seq
        which = f"record {head.seq:,} is" if lost == 1 else f"records {seq + 1:,} to {head.seq:,} are"
        return f"{which} missing at the end: {plural(head.seq, 'record')} were written"
    if seq == head.seq and hashed != head.hash:
        return f"record {seq:,} is another than audit.head knows"
    return None


def _holds(path: Path, head: Head) -> bool:
    return head.seq == 0 or any(
        record.get("seq") == head.seq and record.get("hash") == head.hash for record in read(path)
    )


def holds_end(handle: int, size: int, head: Head) -> bool:
    """Whether the record that ``head`` knows ends where it says in this open file."""
    if head.seq == 0:
        return True
    if size < head.length or head.length < 80:
        return False
    end = f'"hash":"{head.hash}"}}\n'.encode()
    return os.pread(handle, len(end), head.length - len(end)) == end


def moved_to(path: Path, head: Head) -> Path | None:
    """Where the file that ``head`` is about lies now, beside the place it was moved from; None where it is not."""
    for one in siblings(path):
        with contextlib.suppress(OSError):
            handle, found = open_plain(one)
            try:
                if head.seq and holds_end(handle, found.st_size, head):
                    return one
            finally:
                os.close(handle)
    return None


def packed(path: Path) -> Path | None:
    """The newest packed file beside the audit that has its name (logrotate's ``compress``), None where there is none.

    Nobody looks into it: what unpacks to how much is for a person to decide.
    """
    found = []
    for one in siblings(path):
        if one.name.startswith(path.name) and one.suffix in PACKED:
            with contextlib.suppress(OSError):
                found.append((one.lstat().st_mtime, one))
    return max(found)[1] if found else None


def siblings(path: Path) -> list[Path]:
    """Other files beside the audit that may be, or may have been, a part of it."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return []
    return [
        path.with_name(name) for name in names if ".jsonl" in name and name != path.name and not name.startswith(".")
    ]


def has_parts(path: Path) -> bool:
    """Whether files of a chain lie beside the audit that are not in use any more."""
    return any(one.name.startswith("audit-from-") for one in siblings(path))


def part_name(first: int) -> str:
    """The name of a file of the chain that is not in use any more, by the number of its first record."""
    return f"audit-from-{first:010d}.jsonl"
