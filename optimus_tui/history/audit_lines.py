"""One line of the audit and its chain: how it is sealed, read back, and what is wrong with a file of them.

The hash covers the line's own bytes and the hash before it, so nothing has to be written the same way twice. A chain
proves that nothing in it was changed, dropped or put in; lines cut off its end show only against a number and a hash
that were kept elsewhere, which is why ``verify`` tells both. It refuses to repair.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

FIRST = "0" * 64
_OPEN, _CLOSE = b',"hash":"', b'"}'
_SEAL = len(_OPEN) + 64 + len(_CLOSE)


class Chained(NamedTuple):
    """A record's number, from 1, and its hash."""

    seq: int
    hash: str


class Checked(Struct, frozen=True, kw_only=True):
    """``records`` sound ones from the start; ``broken_line`` is the first (from 1) that is not, with the ``problem``.

    ``torn_bytes`` at the end are a record that was never finished, which no writer counts on: not a broken chain.
    """

    records: int
    last_hash: str
    first_at: str | None = None
    last_at: str | None = None
    torn_bytes: int = 0
    broken_line: int | None = None
    problem: str | None = None


def seal(body: bytes, before: str) -> tuple[bytes, str]:
    """The line of a JSON object, and its hash."""
    hashed = _hash(body, before)
    return body[:-1] + _OPEN + hashed.encode() + _CLOSE + b"\n", hashed


def sealed(line: bytes) -> Chained | None:
    """Number and hash that a line (without its break) claims; None where it is no record of ours."""
    record = _decoded(line)
    if record is None or not isinstance(record.get("seq"), int) or len(line) <= _SEAL:
        return None
    return Chained(record["seq"], str(record.get("hash")))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records that can be read, in order; lines that cannot are left out (``verify`` says so)."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            record = _decoded(line[:-1]) if line.endswith(b"\n") else None
            if record is not None:
                yield record


def verify(path: Path) -> Checked:
    """The whole chain, from its first line. OSError where the file cannot be read."""
    last, first_at, last_at = Chained(0, FIRST), None, None
    torn, problem, broken = 0, None, None
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                torn = len(line)
                break
            record = _decoded(line[:-1])
            problem = _problem(line[:-1], record, last)
            if problem or record is None:
                broken = number
                break
            last = Chained(record["seq"], record["hash"])
            first_at, last_at = first_at or record.get("at"), record.get("at")
    return Checked(
        records=last.seq,
        last_hash=last.hash,
        first_at=first_at,
        last_at=last_at,
        torn_bytes=torn,
        broken_line=broken,
        problem=problem,
    )


def _problem(line: bytes, record: dict[str, Any] | None, last: Chained) -> str | None:
    if record is None:
        return "not a record"
    if record.get("seq") != last.seq + 1:
        return f"record {last.seq + 1:,} is missing"
    if record.get("prev") != last.hash:
        return "it does not follow the record before it"
    body = line[:-_SEAL] + b"}"
    return None if record.get("hash") == _hash(body, last.hash) else "its contents were changed"


def _hash(body: bytes, before: str) -> str:
    return hashlib.sha256(before.encode() + body).hexdigest()


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return record if isinstance(record, dict) else None
