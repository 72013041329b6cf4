"""The audit's head: the number, hash and place of its last record, in a separate file beside it.

It reveals a cut end to every process and to ``verify``. It is written after each record, alternately in one of two
slots, so that a torn slot leaves the one before. It is no protection against somebody who edits both files.
"""

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from optimus_tui.history.audit.lines import FIRST
from optimus_tui.storage.errors import UnreadableFile, shown
from optimus_tui.storage.private_file import PrivateFile, put_in_place

FILE = "audit.head"
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
        file = PrivateFile.open(folder / FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with file:
        found = [_decoded(os.pread(file.handle, _SLOT, at)) for at in (0, _SLOT)]
    heads = [one for one in found if one is not None]
    if not heads:
        raise UnreadableFile(f"{shown(folder / FILE)} is damaged: it does not say where the audit ended")
    return max(heads, key=lambda one: one.turn)


def write_head(folder: Path, head: Head) -> Head:
    """Write the head to the disk and return it as written. OSError where that is not possible."""
    path = folder / FILE
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
    put_in_place(folder / FILE, 2 * _encoded(head))
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
