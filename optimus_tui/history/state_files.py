"""Open the files of our own state safely, and say in words what is wrong with one.

A directory, a link, a pipe or a device in the place of a file is named as such. Links are not followed, and a pipe
cannot make the process wait.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from optimus_tui.wording.safe import safe_text

FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
MAX_BYTES = 256_000_000
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class UnreadableFile(OSError):
    """A file cannot be used; the message is one sentence that may be shown."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EINVAL, sentence)

    def __str__(self) -> str:
        return str(self.strerror)


def open_plain(path: Path, flags: int = os.O_RDONLY) -> tuple[int, os.stat_result]:
    """Open a plain file and return its handle and its stat.

    ``flags`` with O_CREAT create a private file (0600) where there is none.

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
        raise _unreadable(path, error, flags) from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise UnreadableFile(f"{shown(path)} is no plain file")
    return handle, found


def read_plain(path: Path, limit: int = MAX_BYTES) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a plain file and its stat.

    Raises:
        FileNotFoundError: there is no file.
        UnreadableFile: the file cannot be read or is no plain file.
    """
    handle, found = open_plain(path)
    with open(handle, "rb") as file:
        if found.st_size > limit:
            raise UnreadableFile(f"{shown(path)} has {found.st_size:,} bytes; at most {limit:,} are read")
        try:
            return file.read(limit + 1), found
        except OSError as error:
            raise _unreadable(path, error, os.O_RDONLY) from None


def whose(found: os.stat_result) -> str:
    """Return why a file may not be written by us; empty where it may."""
    if found.st_uid != os.geteuid():
        return f"its file belongs to another user (uid {found.st_uid})"
    if found.st_mode & 0o022:
        return f"others may write its file (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it once you trust it"
    return ""


def write_all(handle: int, data: bytes, offset: int) -> None:
    """Write all of ``data``: a full disk takes a part without an error. OSError where it takes no more."""
    view = memoryview(data)
    while view:
        wrote = os.pwrite(handle, view, offset)
        if wrote <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, offset = view[wrote:], offset + wrote


def sync_folder(folder: Path) -> None:
    """Make the names in this directory durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(path: Path, data: bytes) -> None:
    """Write a private file in one step, whole and durable; after an OSError nothing has changed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | FLAGS, 0o600)
    try:
        try:
            write_all(handle, data, 0)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def shown(path: Path) -> str:
    """Return the path as safe text."""
    return safe_text(str(path), 300)


def names_in(folder: Path) -> list[str]:
    """Return the names in a directory, sorted; empty where there is none. UnreadableFile where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        if blocked := in_the_way(folder):
            raise UnreadableFile(blocked) from None
        if isinstance(error, FileNotFoundError):
            return []
        raise _unreadable(folder, error, os.O_RDONLY) from None


def in_the_way(folder: Path) -> str:
    """Return what is in the way of ``folder`` or a directory above it, with the remedy; empty where nothing is."""
    for place in (*reversed(folder.parents), folder):
        try:
            mode = os.stat(place).st_mode
        except FileNotFoundError:
            if not place.is_symlink():
                return ""
            return f"{shown(place)} is a link to nowhere: remove it, or make what it points to"
        except OSError as error:
            return f"{shown(place)} cannot be looked at: {error.strerror}"
        if not stat.S_ISDIR(mode):
            what = next((word for is_kind, word in _KINDS if is_kind(mode)), "a file")
            return f"{shown(place)} is {what} where a directory is needed: move it away"
        if not os.access(place, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return f"{shown(place)} cannot be entered by this user: check its owner and rights"
    return ""


def reason(error: OSError, folder: Path) -> str:
    """Return why something in ``folder`` failed: what is in its way, else the system's words."""
    return in_the_way(folder) or error.strerror or "an error"


def _refuse_other_kinds(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if blocked := in_the_way(path.parent):
            raise UnreadableFile(blocked) from None
        return
    except OSError as error:
        raise _unreadable(path, error, os.O_RDONLY) from None
    for is_kind, word in _KINDS:
        if is_kind(mode):
            raise UnreadableFile(f"{shown(path)} is {word}, not a plain file")


def _unreadable(path: Path, error: OSError, flags: int) -> UnreadableFile:
    what = "written"
    if flags & os.O_ACCMODE == os.O_RDONLY:
        what = "read"
    return UnreadableFile(in_the_way(path.parent) or f"{shown(path)} cannot be {what}: {error.strerror or 'an error'}")
