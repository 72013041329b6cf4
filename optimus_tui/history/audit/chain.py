"""The chain of the audit, and the proof that its file still ends with the line that was written last."""

import contextlib
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from optimus_tui import __version__
from optimus_tui.clock import Clock
from optimus_tui.storage.private_file import PrivateFile, UnreadableFile, put_in_place, shown

FIRST = "0" * 64
HEADED = 2
"""The version of records since there is a head file (``audit_head``)."""
_OPEN, _CLOSE = b',"hash":"', b'"}'
_SEAL = len(_OPEN) + 64 + len(_CLOSE)


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
    """Return what is wrong with a line (without its break) that should follow ``last``; None where it is valid."""
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
    """Return the record of a line; None where it is none."""
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


HEAD_FILE = "audit.head"
_SLOT = 512
"""Bytes; a disk writes a sector of this size whole or not at all."""
_DIGEST = 16


class Head(Struct, frozen=True, kw_only=True):
    """The last record: its number ``seq`` (0: none yet), its ``hash``, and ``length`` of the file up to its end.

    ``first`` and ``origin`` are the number and hash of the first record of that file (0 and empty before there is one):
    they distinguish a file that was cut from another one that begins anew. ``turn`` counts the writes.
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
        UnreadableFile: the file is damaged or no plain file.
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
    """Replace the head file as a whole, whatever plain file is there: for repairs."""
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
