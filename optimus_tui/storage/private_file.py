"""Open, read and replace the files of our own state safely: plain, private, whole and durable.

A directory, a link, a pipe or a device in the place of a file is named as such. Links are not followed, and a pipe
cannot make the process wait.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import IO, Self

from optimus_tui.storage.errors import UnreadableFile, in_the_way, kind_of, shown, unusable
from optimus_tui.storage.file_lock import LockHeld, try_lock

FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
MAX_BYTES = 256_000_000


class PrivateFile:
    """An open plain file of our own. Use it in ``with``, or close it."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path, self.handle = path, handle

    @classmethod
    def open(cls, path: Path, flags: int = os.O_RDWR) -> Self:
        """Open a file; with O_CREAT in ``flags`` it is created, readable for its owner only, where there is none.

        Raises:
            FileNotFoundError: there is no file.
            UnreadableFile: the file cannot be opened or is no plain file.
        """
        _refuse_other_kinds(path)
        try:
            handle = os.open(path, flags | FLAGS, 0o600)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise unusable(path, error, flags) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise UnreadableFile(f"{shown(path)} is no plain file")
        return cls(path, handle)

    @classmethod
    def take(cls, path: Path, flags: int = os.O_RDWR) -> Self:
        """Open and lock a file without waiting; LockHeld where another process has the lock."""
        file = cls.open(path, flags)
        try:
            if not try_lock(file.handle):
                raise LockHeld(f"{shown(path)} is locked by another process")
        except OSError:
            file.close()
            raise
        return file

    @classmethod
    def new(cls, path: Path) -> Self:
        """Create a file under a name that must be free (else FileExistsError)."""
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | FLAGS, 0o600))

    def __enter__(self) -> Self:
        """Return the open file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, which releases its lock."""
        self.close()

    @property
    def size(self) -> int:
        """Return the present size in bytes."""
        return os.fstat(self.handle).st_size

    @property
    def is_in_place(self) -> bool:
        """Return True if the path still leads to this very file."""
        try:
            return os.path.samestat(os.stat(self.path, follow_symlinks=False), os.fstat(self.handle))
        except FileNotFoundError:
            return False

    def make_private(self) -> None:
        """Take all rights from others where they have any."""
        if os.fstat(self.handle).st_mode & 0o077:
            os.fchmod(self.handle, 0o600)

    def write(self, data: bytes, offset: int = 0) -> None:
        """Write all of ``data``: a full disk takes a part without an error. OSError where it takes no more."""
        view = memoryview(data)
        while view:
            wrote = os.pwrite(self.handle, view, offset)
            if wrote <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view, offset = view[wrote:], offset + wrote

    def stream(self) -> IO[bytes]:
        """Return the file as a stream that is read from its beginning."""
        return open(self.handle, "rb", closefd=False)

    def close(self) -> None:
        """Close the file."""
        os.close(self.handle)


def read_plain(path: Path, limit: int = MAX_BYTES) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a plain file and its stat.

    Raises:
        FileNotFoundError: there is no file.
        UnreadableFile: the file cannot be read or is no plain file.
    """
    with PrivateFile.open(path, os.O_RDONLY) as opened, opened.stream() as file:
        found = os.fstat(opened.handle)
        if found.st_size > limit:
            raise UnreadableFile(f"{shown(path)} has {found.st_size:,} bytes; at most {limit:,} are read")
        try:
            return file.read(limit + 1), found
        except OSError as error:
            raise unusable(path, error) from None


def distrust(found: os.stat_result) -> str:
    """Return why a file may not be continued by us; empty where it may."""
    if found.st_uid != os.geteuid():
        return f"its file belongs to another user (uid {found.st_uid})"
    if found.st_mode & 0o022:
        return f"others may write its file (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it once you trust it"
    return ""


def put_in_place(path: Path, data: bytes) -> None:
    """Write a private file in one step, durably. After an OSError it is the old one or the new one, whole."""
    create(path, data).close()


def create(path: Path, data: bytes, *, locked: bool = False) -> PrivateFile:
    """Do what ``put_in_place`` does and return the file, which no other process can have locked if ``locked``."""
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}.new")
    file = PrivateFile.new(draft)
    try:
        if locked:
            try_lock(file.handle)
        file.write(data)
        os.fsync(file.handle)
        os.replace(draft, path)
        sync_folder(path.parent)
    except BaseException:
        file.close()
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    file.path = path
    return file


def sync_folder(folder: Path) -> None:
    """Make the names in this directory durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def names_in(folder: Path) -> list[str]:
    """Return the names in a directory, sorted; empty where there is none. UnreadableFile where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        if blocked := in_the_way(folder):
            raise UnreadableFile(blocked) from None
        if isinstance(error, FileNotFoundError):
            return []
        raise unusable(folder, error) from None


def _refuse_other_kinds(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if blocked := in_the_way(path.parent):
            raise UnreadableFile(blocked) from None
        return
    except OSError as error:
        raise unusable(path, error) from None
    if word := kind_of(mode):
        raise UnreadableFile(f"{shown(path)} is {word}, not a plain file")
