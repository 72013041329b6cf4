"""Git's index file (versions 2 to 4): which files are tracked, and how they looked when git saw them last.

Only what is needed to tell whether a file changed is read. A split index, or a damaged one, raises
``RepositoryUnreadable``.
"""

import hashlib
import os
import stat
import struct
from pathlib import Path

from msgspec import Struct

from optimus_tui.actions.files.git_layout import RepositoryUnreadable, read_file

MAX_INDEX = 200 * 1024 * 1024
_STAT = struct.Struct(">10I")
_LINK, _GITLINK, _FOLDER = 0o120000, 0o160000, 0o040000


class IndexEntry(Struct, frozen=True):
    """One tracked path. ``skip``: git was told not to look at the work tree's file."""

    path: bytes
    ctime: tuple[int, int]
    mtime: tuple[int, int]
    inode: int
    size: int
    mode: int
    oid: bytes
    skip: bool
    stage: int


class Index(Struct, frozen=True):
    """The whole index.

    ``written``: its file's time in (seconds, nanoseconds); ``width``: the bytes of an object's id.
    """

    entries: tuple[IndexEntry, ...]
    written: tuple[int, int]
    width: int


def read_index(path: Path) -> Index:
    """Return the index; an empty one where there is no file.

    Raises:
        RepositoryUnreadable: It is damaged, split, or of an unknown version.
    """
    if not os.path.lexists(path):
        return Index((), (0, 0), 20)
    data = read_file(path, MAX_INDEX)
    seen = path.lstat()
    if len(data) < 32 or data[:4] != b"DIRC":
        raise RepositoryUnreadable("the index has no valid header")
    version, count = struct.unpack(">II", data[4:12])
    if version not in (2, 3, 4) or count > len(data) // 40:
        raise RepositoryUnreadable("the index has a version or a size that is not known")
    width = _hash_width(data)
    try:
        entries, end = _entries(data, version, count, width)
    except (struct.error, IndexError, ValueError) as error:
        raise RepositoryUnreadable("the index is damaged") from error
    _check_extensions(data, end, len(data) - width)
    return Index(entries, divmod(seen.st_mtime_ns, 1_000_000_000), width)


def _hash_width(data: bytes) -> int:
    """Return the bytes of an id, 32 in SHA-256 repositories, found by the checksum (all zeros: git left it out)."""
    if hashlib.sha1(data[:-20], usedforsecurity=False).digest() == data[-20:] or data[-20:] == bytes(20):
        return 20
    if hashlib.sha256(data[:-32]).digest() == data[-32:]:
        return 32
    raise RepositoryUnreadable("the index is damaged: its checksum is wrong")


def _entries(data: bytes, version: int, count: int, width: int) -> tuple[tuple[IndexEntry, ...], int]:
    at, before, found = 12, b"", []
    for _ in range(count):
        start = at
        ctime, ctime_ns, mtime, mtime_ns, _, inode, mode, _, _, size = _STAT.unpack_from(data, at)
        at += 40
        oid = data[at : at + width]
        at += width
        (flags,) = struct.unpack_from(">H", data, at)
        at += 2
        extended = 0
        if flags & 0x4000:
            (extended,) = struct.unpack_from(">H", data, at)
            at += 2
        if version == 4:
            dropped, at = read_offset(data, at)
            if dropped > len(before):
                raise ValueError("a name shorter than nothing")
            end = data.index(b"\0", at)
            path = before[: len(before) - dropped] + data[at:end]
            at = end + 1
        else:
            end = data.index(b"\0", at)
            path = data[at:end]
            at = start + ((end - start) // 8 + 1) * 8
        if _is_hostile(path):
            raise ValueError("a path outside the work tree")
        skip = bool(flags & 0x8000 or extended & 0x4000)
        found.append(
            IndexEntry(path, (ctime, ctime_ns), (mtime, mtime_ns), inode, size, mode, oid, skip, flags >> 12 & 3)
        )
        before = path
    return tuple(found), at


def read_offset(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length number that version 4 and packs use, and the position after it."""
    byte = data[at]
    value = byte & 127
    while byte & 128:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 127)
    return value, at + 1


def _is_hostile(path: bytes) -> bool:
    parts = path.rstrip(b"/").split(b"/")
    return any(part in (b"", b".", b"..") or part.lower() == b".git" for part in parts)


def _check_extensions(data: bytes, at: int, end: int) -> None:
    while at + 8 <= end:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if (
            not kind[:1].isupper() and kind != b"sdir"
        ):  # An extension named "link" means that the entries are in another file.
            raise RepositoryUnreadable("the index is split, or uses an extension that is not known")
        at += 8 + size


def is_changed(entry: IndexEntry, path: Path, index: Index, budget: list[int]) -> bool:
    """Return True if the file differs from what git saw. ``budget[0]``: bytes that may still be read.

    Raises:
        RepositoryUnreadable: More bytes would have to be read.
    """
    kind = entry.mode & 0o170000
    if kind in (_GITLINK, _FOLDER):
        return False
    try:
        seen = path.lstat()
    except OSError:
        return True
    if kind == _LINK:
        return not stat.S_ISLNK(seen.st_mode) or _blob_id(os.readlink(os.fsencode(path)), index.width) != entry.oid
    if not stat.S_ISREG(seen.st_mode):  # The executable bit is not compared: some file systems have none.
        return True
    same_time = _is_time(entry.mtime, seen.st_mtime_ns) and _is_time(entry.ctime, seen.st_ctime_ns)
    if same_time and seen.st_size & 0xFFFFFFFF == entry.size and entry.mtime < index.written:
        return False
    if seen.st_size & 0xFFFFFFFF != entry.size and entry.size:
        return True
    budget[0] -= seen.st_size
    if budget[0] < 0:
        raise RepositoryUnreadable("too many files would have to be read")
    return _blob_id(read_file(path, seen.st_size), index.width) != entry.oid


def _is_time(kept: tuple[int, int], seen: int) -> bool:
    """Return True if a time in ns equals the one in the index, which may be in whole seconds."""
    seconds, rest = divmod(seen, 1_000_000_000)
    return kept[0] == seconds & 0xFFFFFFFF and kept[1] in (0, rest)


def _blob_id(content: bytes, width: int) -> bytes:
    data = b"blob %d\0" % len(content) + content
    if width == 20:
        return hashlib.sha1(data, usedforsecurity=False).digest()
    return hashlib.sha256(data).digest()
