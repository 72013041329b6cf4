"""One line of the audit and its place in the chain: write it, read it, verify it.

The hash covers the line's own bytes and the hash before it, so a line never has to be serialised twice the same way. A
chain proves that nothing in it was changed, dropped or inserted; lines cut off its end show against the head file
(``audit_head``).
"""

import hashlib
import os
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from optimus_tui import __version__
from optimus_tui.clock import Clock

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
