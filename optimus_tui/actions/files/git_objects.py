"""Read git's index and objects from their files, as far as one commit's tree needs them. Bounded; no git process."""

import hashlib
import mmap
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from optimus_tui.actions.files.git_layout import RepositoryUnreadable, read_file

MAX_INDEX = 200 * 1024 * 1024
_STAT = struct.Struct(">10I")
_LINK, _GITLINK, _FOLDER = 0o120000, 0o160000, 0o040000
MAX_OBJECT = 16 * 1024 * 1024
MAX_TREES = 20_000
MAX_FILES = 500_000
MAX_DELTAS = 60
MAX_PACKS = 200
_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_OLD_MODES = {0o100664: 0o100644}
_OFFSET_DELTA, _REFERENCE_DELTA = 6, 7


class IndexEntry(Struct, frozen=True):
    """One tracked path. ``skip``: git was told to ignore changes of the file (assume-unchanged, skip-worktree)."""

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

    ``written``: the modification time of its file as (seconds, nanoseconds); ``width``: bytes of an object's id.
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
                raise ValueError("a name of negative length")
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
    """Return a number of variable length, as index version 4 and pack files have it, and the position after it."""
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
    """Return True if the file differs from what the index has.

    Args:
        entry: What the index has of it.
        path: The file.
        index: The index that the entry is from.
        budget: A list with one number: the bytes that may still be read for such comparisons. It is reduced.

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


class Objects:
    """The objects in ``common/objects`` and in the directories that its ``info/alternates`` names.

    ``width``: bytes of an id.
    """

    def __init__(self, common: Path, width: int) -> None:
        self._width, self._stores = width, _stores(common / "objects")
        self._packs: list[tuple[Path, mmap.mmap]] | None = None

    def files_of(self, commit: str, inside: bytes = b"") -> dict[bytes, tuple[int, bytes]]:
        """Return the files of a commit whose path begins with ``inside``, as path to (mode, id).

        Raises:
            RepositoryUnreadable: An object is missing, damaged or too large.
        """
        kind, body = self._read(bytes.fromhex(commit))
        if kind != b"commit" or not body.startswith(b"tree "):
            raise RepositoryUnreadable("HEAD names no commit")
        found: dict[bytes, tuple[int, bytes]] = {}
        waiting = [(b"", bytes.fromhex(body[5 : 5 + 2 * self._width].decode("ascii", "replace")))]
        seen = 0
        while waiting:
            prefix, oid = waiting.pop()
            seen += 1
            if seen > MAX_TREES:
                raise RepositoryUnreadable("the commit holds too many directories")
            for mode, name, child in self._tree(oid):
                path = prefix + name + b"/" * (mode == _FOLDER)
                if mode == _FOLDER and (path.startswith(inside) or inside.startswith(path)):
                    waiting.append((path, child))
                elif mode != _FOLDER and path.startswith(inside):
                    found[path] = (_OLD_MODES.get(mode, mode), child)
            if len(found) > MAX_FILES:
                raise RepositoryUnreadable("the commit holds too many files")
        return found

    def _tree(self, oid: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        kind, body = self._read(oid)
        if kind != b"tree":
            raise RepositoryUnreadable("a tree is missing")
        at = 0
        while at < len(body):
            end = body.index(b"\0", at)
            mode, _, name = body[at:end].partition(b" ")
            at = end + 1 + self._width
            yield int(mode, 8), name, body[end + 1 : at]

    def _read(self, oid: bytes, depth: int = 0) -> tuple[bytes, bytes]:
        try:
            name = oid.hex()
            for store in self._stores:
                loose = store / name[:2] / name[2:]
                if loose.is_file():
                    head, _, body = _inflate(read_file(loose, MAX_OBJECT)).partition(b"\0")
                    return head.partition(b" ")[0], body
            return self._packed(oid, depth)
        except (ValueError, IndexError, struct.error, zlib.error, OSError) as error:
            raise RepositoryUnreadable("an object is damaged") from error

    def _packed(self, oid: bytes, depth: int) -> tuple[bytes, bytes]:
        if self._packs is None:
            paths = [path for store in self._stores for path in sorted((store / "pack").glob("*.idx"))[:MAX_PACKS]]
            self._packs = [(path, _mapped(path)) for path in paths]
        for path, table in self._packs:
            offset = _find(table, oid, self._width)
            if offset is not None:
                return self._at(path.with_suffix(".pack"), offset, depth)
        raise RepositoryUnreadable("an object is not in this repository")

    def _at(self, pack: Path, offset: int, depth: int) -> tuple[bytes, bytes]:
        if depth > MAX_DELTAS:
            raise RepositoryUnreadable("an object is built from too many others")
        with pack.open("rb") as file:
            file.seek(offset)
            data = file.read(64)
            kind, size, at = data[0] >> 4 & 7, data[0] & 15, 1
            shift = 4
            while data[at - 1] & 128:
                size |= (data[at] & 127) << shift
                shift, at = shift + 7, at + 1
            if size > MAX_OBJECT:
                raise RepositoryUnreadable("an object is too large")
            base: tuple[bytes, bytes] | None = None
            if kind == _OFFSET_DELTA:
                back, at = read_offset(data, at)
                if not 0 < back <= offset:
                    raise ValueError("a base object outside of the pack")
                base = self._at(pack, offset - back, depth + 1)
            elif kind == _REFERENCE_DELTA:
                base = self._read(data[at : at + self._width], depth + 1)
                at += self._width
            file.seek(offset + at)
            body = _inflate(file.read(size + size // 1000 + 4096), size)
        if base is None:
            return _KINDS[kind], body
        return base[0], _patched(base[1], body)


def _stores(objects: Path) -> list[Path]:
    found = [objects]
    named = objects / "info" / "alternates"
    if named.is_file():
        for line in read_file(named, 64 * 1024).splitlines()[:20]:
            if line and not line.startswith(b"#") and b"\0" not in line:
                found.append(objects / os.fsdecode(line))
    return found


def _inflate(data: bytes, size: int = MAX_OBJECT) -> bytes:
    return zlib.decompressobj().decompress(data, size + 64)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _find(table: mmap.mmap, oid: bytes, width: int) -> int | None:
    """Return the offset of an object in a pack, from version 2 of its index; None if the pack does not hold it."""
    if table[:8] != b"\xfftOc\0\0\0\2":
        raise RepositoryUnreadable("a pack's index has a version that is not known")
    fan = struct.unpack_from(">256I", table, 8)
    low, high, count = fan[oid[0] - 1] if oid[0] else 0, fan[oid[0]], fan[255]
    names = 8 + 1024
    while low < high:
        middle = (low + high) // 2
        here = table[names + middle * width : names + (middle + 1) * width]
        if here == oid:
            offsets = names + count * (width + 4)
            (offset,) = struct.unpack_from(">I", table, offsets + 4 * middle)
            if offset & 0x80000000:
                (offset,) = struct.unpack_from(">Q", table, offsets + 4 * count + 8 * (offset & 0x7FFFFFFF))
            return int(offset)
        low, high = (middle + 1, high) if here < oid else (low, middle)
    return None


def _patched(base: bytes, delta: bytes) -> bytes:
    """Apply git's copy and insert instructions to ``base``."""
    _, at = _length(delta, 0)
    size, at = _length(delta, at)
    out = bytearray()
    while at < len(delta):
        order, at = delta[at], at + 1
        if order & 128:
            numbers = []
            for bits in (range(4), range(4, 7)):
                value = 0
                for place, bit in enumerate(bits):
                    if order >> bit & 1:
                        value, at = value | delta[at] << 8 * place, at + 1
                numbers.append(value)
            start, count = numbers[0], numbers[1] or 0x10000
            out += base[start : start + count]
        else:
            out += delta[at : at + order]
            at += order
        if len(out) > MAX_OBJECT:
            raise RepositoryUnreadable("an object is too large")
    if len(out) != size:
        raise ValueError("a delta that does not fit")
    return bytes(out)


def _length(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, at
