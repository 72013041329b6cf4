"""A directory to write in, held by its file descriptor, so that nothing outside of it can be reached. POSIX only.

It refuses links on the way, targets that are not regular files, unusual characters in names, and files above 1 MB.
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


class WriteRefused(Exception):
    """Nothing was written. Its text is one sentence that says why."""


class Tree:
    """One open directory. ``root`` is its real path; every other path is relative to it, with slashes."""

    def __init__(self, root: Path) -> None:
        try:
            self.root = root.resolve(strict=True)
            self._handle = os.open(self.root, _FOLDER)
        except (OSError, ValueError, RuntimeError):
            raise WriteRefused(f"{safe_text(str(root), 160)} is not a directory that can be opened") from None

    def __enter__(self) -> "Tree":
        """Return the open tree."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the directory."""
        os.close(self._handle)

    def place(self, path: str) -> tuple[tuple[str, ...], str]:
        """Return the real folders that lead to a file, and its name.

        Links inside the tree are followed here, and only here.

        Raises:
            WriteRefused: The path leads out of the tree, or is not a plain one.
        """
        *folders, name = path.split("/")
        if not all(_PART.fullmatch(part) and part not in (".", "..") for part in (*folders, name)):
            raise WriteRefused(f"{path!r} is not a plain path inside the project")
        folder = self.root.joinpath(*folders)
        real = folder.resolve()
        if not real.is_relative_to(self.root):
            raise WriteRefused(f"{'/'.join(folders)} leads out of {self.root}: nothing is written through it")
        return real.relative_to(self.root).parts, name

    def missing(self, path: str) -> list[str]:
        """Return the folders that have to be made for the file, the outermost first."""
        folders, _ = self.place(path)
        return [
            "/".join(folders[: n + 1])
            for n in range(len(folders))
            if not self.root.joinpath(*folders[: n + 1]).exists()
        ]

    @contextlib.contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Open the folder of a file; yield its descriptor and the file's name."""
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
            raise WriteRefused(f"{part} on the way to {path} is not a plain directory that can be opened") from None

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, or None where there is none.

        Raises:
            WriteRefused: It is a link, a directory, a device or a pipe, or too large.
        """
        try:
            with self.parent(path) as (handle, name):
                return read_plain(handle, name, path)
        except FileNotFoundError:
            return None

    def make_folder(self, path: str) -> None:
        """Make one folder, whose parent exists."""
        with self.parent(path) as (handle, name):
            os.mkdir(name, dir_fd=handle)

    def remove_folder(self, path: str) -> None:
        """Remove one folder if it is empty."""
        with contextlib.suppress(OSError), self.parent(path) as (handle, name):
            os.rmdir(name, dir_fd=handle)


def read_plain(handle: int, name: str, shown: str) -> bytes | None:
    """Return the content of a regular file in an open folder; None where there is none.

    Args:
        handle: Descriptor of the folder.
        name: The file's name in it.
        shown: The path for messages.

    Raises:
        WriteRefused: It is not a regular file, or larger than 1 MB.
    """
    try:
        kind = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(kind):
        word = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a directory"}.get(stat.S_IFMT(kind), "not a regular file")
        raise WriteRefused(f"{shown} is {word}: nothing is written in its place")
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    except OSError as error:
        raise WriteRefused(f"{shown} cannot be read: {error.strerror}") from None
    with open(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise WriteRefused(f"{shown} is no longer a regular file: nothing is written in its place")
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WriteRefused(f"{shown} is larger than {MAX_BYTES:,} bytes: nothing is written in its place")
    return data


def write_new(handle: int, name: str, data: bytes, mode: int) -> None:
    """Create a file in an open folder, and wait until it is on the disk (fsync). ``mode``: its permission bits."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=handle)
    with open(file, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fchmod(file, mode)
        os.fsync(file)
