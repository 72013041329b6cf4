"""The audit's chain of hashes, over the file in use and those before it, read and verified in their order.

The first record of a later file names the one before it: a record ``rotated`` means that nothing is missing, ``break
accepted`` that records are, and says which and why. Nothing is repaired here. A chain that ends before the record in
its head file is incomplete.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
from msgspec import Struct, structs

from optimus_tui import __version__
from optimus_tui.clock import Clock
from optimus_tui.storage.private_file import PrivateFile, UnreadableFile, put_in_place, shown
from optimus_tui.wording.numbers import plural

FILE, HEAD_FILE = "audit.jsonl", "audit.head"
ROTATED, ACCEPTED = "rotated", "break accepted"
"""The events with which a file begins that continues an earlier one."""
FIRST = "0" * 64
"""The hash that the first record of all follows."""
HEADED = 2
"""The version of records since there is a head file (``audit.head``)."""
_OPEN, _CLOSE = b',"hash":"', b'"}'
_SEAL = len(_OPEN) + 64 + len(_CLOSE)
_SLOT = 512
"""Bytes; a disk writes a sector of this size whole or not at all."""
_DIGEST = 16
_NAME = re.compile(r"audit[A-Za-z0-9._-]{0,80}", re.ASCII)
MAX_LINE = 64_000_000
MOST_FILES = 10_000


class Chained(NamedTuple):
    """The number of a record, from 1, and its hash."""

    seq: int
    hash: str


def record_line(clock: Clock, last: Chained, event: str, action: str, fields: dict[str, object]) -> tuple[bytes, str]:
    """Return the line of a record that follows ``last``, and its hash."""
    head = {
        "v": HEADED,
        "seq": last.seq + 1,
        "at": datetime.fromtimestamp(clock.wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "mono": round(clock.mono(), 4),
        "event": event,
        "action": action,
    }
    more = {}
    if event in ("armed", "planned", "resumed"):
        more = {"version": __version__, "pid": os.getpid()}
    body = msgspec.json.encode({**head, **more, **_plain(fields), "prev": last.hash})
    return seal(body, last.hash)


def seal(body: bytes, before: str) -> tuple[bytes, str]:
    """Return the line of a JSON object, and its hash."""
    hashed = _hash(body, before)
    return body[:-1] + _OPEN + hashed.encode() + _CLOSE + b"\n", hashed


def problem_of(line: bytes, record: dict[str, Any] | None, last: Chained) -> str | None:
    """Return what is wrong with a line that should follow ``last`` (without its line break); None if it is valid."""
    if record is None:
        return "not a record"
    if record.get("seq") != last.seq + 1:
        return f"record {last.seq + 1:,} is missing"
    if record.get("prev") != last.hash:
        return "it does not follow the record before it"
    body = line[:-_SEAL] + b"}"
    if record.get("hash") == _hash(body, last.hash):
        return None
    return "its contents were changed"


def _hash(body: bytes, before: str) -> str:
    return hashlib.sha256(before.encode() + body).hexdigest()


def decoded(line: bytes) -> dict[str, Any] | None:
    """Return the record in a line; None if the line is not a record."""
    try:
        record = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    if isinstance(record, dict):
        return record
    return None


def _plain(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields with texts that JSON can hold: invalid Unicode is written as an escape."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }


class Head(Struct, frozen=True, kw_only=True):
    """The last record: its number ``seq`` (0: none yet), its ``hash``, and ``length`` of the file up to its end.

    ``first`` and ``origin`` are the number and hash of the first record of that file (0 and empty before there is one):
    they distinguish a file that was cut from a new one. ``turn`` counts the writes.
    """

    seq: int = 0
    hash: str = FIRST
    length: int = 0
    first: int = 0
    origin: str = ""
    turn: int = 0


def read_head(folder: Path) -> Head | None:
    """Return the head; None where there is no file.

    Raises:
        UnreadableFile: the file is damaged or not a regular file.
    """
    try:
        file = PrivateFile.open(folder / HEAD_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with file:
        found = [_decoded(os.pread(file.handle, _SLOT, at)) for at in (0, _SLOT)]
    heads = [one for one in found if one is not None]
    if not heads:
        raise UnreadableFile(f"{shown(folder / HEAD_FILE)} is damaged: it does not say where the audit ended")
    return max(heads, key=lambda one: one.turn)


def write_head(folder: Path, head: Head) -> Head:
    """Write the head to the disk and return it as written. OSError where that is not possible."""
    path = folder / HEAD_FILE
    try:
        file = PrivateFile.open(path)
    except FileNotFoundError:
        return renew_head(folder, head)
    with file:
        file.write(_encoded(head), _SLOT * (head.turn % 2))
        os.fdatasync(file.handle)
    return head


def renew_head(folder: Path, head: Head) -> Head:
    """Replace the head file by a new one, to repair it, whatever the old one holds."""
    put_in_place(folder / HEAD_FILE, 2 * _encoded(head))
    return head


def _encoded(head: Head) -> bytes:
    body = msgspec.json.encode(head)
    return (_sum(body) + body).ljust(_SLOT - 1) + b"\n"


def _decoded(slot: bytes) -> Head | None:
    digest, body = slot[:_DIGEST], slot[_DIGEST:].strip()
    if digest == _sum(body):
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(body, type=Head)
    return None


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_DIGEST].encode()


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
        UnreadableFile: a file is not a regular file.
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
    """Return why a valid chain that ends with record ``seq`` is not the one of ``head``; None if it can be."""
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
    """Return True if this open file has the record of ``head``, and it ends at the length that ``head`` names."""
    if head.seq == 0:
        return True
    if size < head.length or head.length < 80:
        return False
    end = f'"hash":"{head.hash}"}}\n'.encode()
    return os.pread(handle, len(end), head.length - len(end)) == end
