"""A directory that is written to, held by its file descriptor: nothing outside of it can be reached. POSIX only.

It refuses links on the way, targets that are no plain files, names of more than plain characters, files above 1 MB.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from optimus_tui.wording.safe import safe_text

MAX_BYTES = 1_000_000
_PART = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Refused(Exception):
    """Why nothing was written, in one sentence."""


class Tree:
    """One open directory. ``root`` is its real path; everything else is named from there, with slashes."""

    def __init__(self, root: Path) -> None:
        try:
            self.root = root.resolve(strict=True)
            self._handle = os.open(self.root, _FOLDER)
        except (OSError, ValueError, RuntimeError):
            raise Refused(f"{safe_text(str(root), 160)} is no directory that can be opened") from None

    def __enter__(self) -> "Tree":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def place(self, path: str) -> tuple[tuple[str, ...], str]:
        """The real folders on the way to a file, and its name. A link inside the tree is followed here, never later."""
        *folders, name = path.split("/")
        if not all(_PART.fullmatch(part) and part not in (".", "..") for part in (*folders, name)):
            raise Refused(f"{path!r} is no plain path inside the project")
        folder = self.root.joinpath(*folders)
        real = folder.resolve()
        if not real.is_relative_to(self.root):
            raise Refused(f"{'/'.join(folders)} leads out of {self.root}: nothing is written through it")
        return real.relative_to(self.root).parts, name

    def missing(self, path: str) -> list[str]:
        """The folders that have to be made before the file can be, outermost first."""
        folders, _ = self.place(path)
        return [
            "/".join(folders[: n + 1])
            for n in range(len(folders))
            if not self.root.joinpath(*folders[: n + 1]).exists()
        ]

    @contextlib.contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """The open folder of a file, and the file's name in it."""
        folders, name = self.place(path)
        handle = os.dup(self._handle)
        try:
            for part in folders:
                inner = self._open(part, handle, path)
                os.close(handle)
                handle = inner
            yield handle, name
        finally:
            os.close(handle)

    def _open(self, part: str, handle: int, path: str) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=handle)
        except FileNotFoundError:
            raise
        except OSError:
            raise Refused(f"{part} on the way to {path} is no plain directory that can be opened") from None

    def read(self, path: str) -> bytes | None:
        """What is there; None where nothing is. Refused for a link, a directory, a device, a pipe."""
        try:
            with self.parent(path) as (handle, name):
                return read_plain(handle, name, path)
        except FileNotFoundError:
            return None

    def make_folder(self, path: str) -> None:
        """One folder, whose parent exists."""
        with self.parent(path) as (handle, name):
            os.mkdir(name, dir_fd=handle)

    def remove_folder(self, path: str) -> None:
        """One folder, if it is empty."""
        with contextlib.suppress(OSError), self.parent(path) as (handle, name):
            os.rmdir(name, dir_fd=handle)


def read_plain(handle: int, name: str, shown: str) -> bytes | None:
    """A plain file in an open folder; None where there is none."""
    try:
        kind = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(kind):
        word = "a link" if stat.S_ISLNK(kind) else "a directory" if stat.S_ISDIR(kind) else "no plain file"
        raise Refused(f"{shown} is {word}: nothing is written in its place")
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    except OSError as error:
        raise Refused(f"{shown} cannot be read: {error.strerror}") from None
    with open(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Refused(f"{shown} is no plain file any more: nothing is written in its place")
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Refused(f"{shown} is larger than {MAX_BYTES:,} bytes: nothing is written in its place")
    return data


def write_new(handle: int, name: str, data: bytes, mode: int) -> None:
    """A new file in an open folder, on the disk when this returns."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=handle)
    with open(file, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fchmod(file, mode)
        os.fsync(file)
