"""One line of a timeline (a version, a number, a checksum, an event), and the scan of a whole file.

Any bytes can be read: a line is good, torn, damaged, or written by a newer version, and the message about it names the
line. A line whose checksum does not match is no record, whatever it contains.
"""

import hashlib

import msgspec
from msgspec import Struct

from optimus_tui.contract.incident_events import AnyEvent

VERSION = 1
MAX_LINE = 4_000_000


class _Line(Struct, frozen=True):
    v: int
    n: int
    sum: str
    event: msgspec.Raw


class Scan(Struct, frozen=True, kw_only=True):
    """The content of a file. ``good`` is the length in bytes of its whole records; then follows the torn ``tail``.

    ``damage`` is a sentence about lines in between that cannot be trusted, ``newer`` about lines that only a newer
    version reads.
    """

    events: tuple[AnyEvent, ...] = ()
    good: int = 0
    last: int = 0
    tail: bytes = b""
    damage: str = ""
    newer: str = ""


_DECODE_LINE = msgspec.json.Decoder(_Line)
_DECODE_EVENT = msgspec.json.Decoder(AnyEvent)


def encode(number: int, event: AnyEvent) -> bytes:
    """Return the line of record ``number`` (from 1), with its newline."""
    raw = msgspec.json.encode(event)
    line = _Line(VERSION, number, _sum(number, raw), msgspec.Raw(raw))
    return msgspec.json.encode(line) + b"\n"


def scan(data: bytes) -> Scan:
    """Return all records of a file, as far as they can be trusted."""
    events: list[AnyEvent] = []
    good = last = 0
    bad: list[int] = []
    newer = ""
    *lines, tail = data.split(b"\n")
    unread = False
    for place, raw in enumerate(lines, 1):
        found = _read(raw)
        unread = found is None
        number = found[0] if isinstance(found, tuple) else last + 1
        if isinstance(found, str):
            newer = newer or f"line {place} was written by a newer version"
        elif found is None or number != last + 1:
            bad.append(place)
        if isinstance(found, tuple) and number > last:
            events.append(found[1])
        last = max(last, number)
        good += len(raw) + 1
    if unread and len(lines) > 1 and bad == [len(lines)]:
        # The last line ends, and is wrong: the disk did not take it as it was given, so nobody was told that it was
        # kept. It is set aside like one that is torn.
        good -= len(lines[-1]) + 1
        tail, bad, last = lines[-1] + b"\n" + tail, [], last - 1
    return Scan(events=tuple(events), good=good, last=last, tail=tail, damage=_damage(bad), newer=newer)


def _read(raw: bytes) -> "tuple[int, AnyEvent] | str | None":
    """Return number and event; a word where a newer version wrote it; None where it cannot be trusted."""
    if len(raw) > MAX_LINE:
        return None
    try:
        line = _DECODE_LINE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    event = bytes(line.event)
    if line.sum != _sum(line.n, event) or line.n < 1:
        return None
    if line.v > VERSION:
        return "newer"
    try:
        return line.n, _DECODE_EVENT.decode(event)
    except (msgspec.MsgspecError, RecursionError):
        return "newer"  # the checksum fits: it is whole, and a kind of event that this version does not know


def _damage(bad: list[int]) -> str:
    if not bad:
        return ""
    shown = ", ".join(str(one) for one in bad[:5]) + ("…" if len(bad) > 5 else "")
    return f"{'line' if len(bad) == 1 else 'lines'} {shown} cannot be trusted: the checksum does not fit"


def _sum(number: int, raw: bytes) -> str:
    return hashlib.sha256(b"%d:" % number + raw).hexdigest()[:16]
