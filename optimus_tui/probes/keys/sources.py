"""Read source files of one tree: only regular files inside it, of bounded size. Nothing is imported.

FIFOs, devices and links that lead out of the tree are refused with a sentence.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from optimus_tui.wording.safe import safe_text

MOST_BYTES = 1_000_001
"""One byte more than is judged, to recognise larger files."""
MOST_FILES = 5000
_NOT_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})


class Skipped(NamedTuple):
    """Why a file was not read."""

    reason: str


class SourceTree:
    """The files below ``root``; paths are relative, with slashes, and surrogates for bytes that are not UTF-8."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._folders: dict[str, bool] = {}

    def read(self, path: str) -> bytes | Skipped:
        """Return a file's bytes, at most ``MOST_BYTES`` of them, or why it was not read."""
        try:
            place = self._place(path)
            if place is None:
                return Skipped("it leads out of the source tree")
            try:
                data = _read_twice(place)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                place = self._behind(path)
                if place is None:
                    return Skipped("it leads out of the source tree")
                data = _read_twice(place)
            if data is None:
                return Skipped("it changed while it was read")
            return data
        except FileNotFoundError:
            return Skipped("there is no such file")
        except (RuntimeError, ValueError):
            return Skipped("its path cannot be followed")
        except OSError as error:
            return Skipped(_words(error))

    def _place(self, path: str) -> str | None:
        """Return where the file is, behind linked folders; None outside of the tree. Each folder is resolved once."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            there = os.path.realpath(f"{self.root}/{folder}", strict=True)
            self._folders[folder] = there == os.path.normpath(f"{self.root}/{folder}")
        if self._folders[folder] and ".." not in path:
            return f"{self.root}/{path}"
        return self._behind(path)

    def _behind(self, path: str) -> str | None:
        """Return where the links of a path end; None outside of the tree."""
        place = Path(f"{self.root}/{path}").resolve(strict=True)
        if place.is_relative_to(self.root):
            return str(place)
        return None

    def load(self, path: str) -> bytes | None:
        """Return the bytes, or None: for modules that a router names, whose absence is no finding."""
        try:
            os.lstat(self.root / path)
        except (OSError, ValueError):
            return None
        found = self.read(path)
        if isinstance(found, bytes):
            return found
        return None

    def below(self, folder: str) -> Iterator[str]:
        """Yield the Python files below a folder, sorted; linked folders are not entered."""
        count = 0
        for place, folders, names in os.walk(self.root / folder):
            folders[:] = sorted(name for name in folders if name not in _NOT_ENTERED and not name.startswith("."))
            for name in sorted(names):
                if name.endswith(".py") and not name.startswith("."):
                    count += 1
                    if count > MOST_FILES:
                        return
                    yield os.path.relpath(os.path.join(place, name), self.root).replace(os.sep, "/")


def _words(error: OSError) -> str:
    known = {1: "permission denied", 13: "permission denied", 21: "it is a directory", 40: "its links run in a circle"}
    return known.get(error.errno or 0) or safe_text(error.strerror or type(error).__name__, 80)


def _read_twice(place: str) -> bytes | None:
    """Read the file, and read it again where it changed meanwhile."""
    data = _read_whole(place)
    if data is None:
        return _read_whole(place)
    return data


def _read_whole(place: str) -> bytes | None:
    """Return the bytes, None where the file changed meanwhile; OSError for anything but a regular file."""
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = os.fstat(handle)
        if stat.S_ISDIR(before.st_mode):
            raise IsADirectoryError(21, "it is a directory")
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "it is no regular file (a FIFO, socket or device)")
        parts: list[bytes] = []
        left = min(MOST_BYTES, before.st_size)  # one that grows meanwhile is not followed: its size tells afterwards
        while left and (part := os.read(handle, min(left, 1 << 18))):
            parts.append(part)
            left -= len(part)
        after = os.fstat(handle)
    finally:
        os.close(handle)
    data = b"".join(parts)
    same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    if same and len(data) == min(MOST_BYTES, before.st_size):
        return data
    return None
