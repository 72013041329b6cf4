"""Files of our own state, opened so that none can lead elsewhere or hang; what is wrong with one is said in words.

A directory, a link, a pipe or a device in the place of a file is named as such. It refuses to follow links, and to wait
for somebody to open the other end of a pipe.
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


class Unreadable(OSError):
    """Why a file cannot be used, in one sentence that may be shown."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EINVAL, sentence)

    def __str__(self) -> str:
        return str(self.strerror)


def open_plain(path: Path, flags: int = os.O_RDONLY) -> tuple[int, os.stat_result]:
    """Open a plain file; its handle and what it is. FileNotFoundError where there is none, else Unreadable.

    ``flags`` with O_CREAT make a private file (0600) where there is none.
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
        raise Unreadable(f"{shown(path)} is no plain file")
    return handle, found


def read_plain(path: Path, limit: int = MAX_BYTES) -> tuple[bytes, os.stat_result]:
    """The bytes of a plain file and what it is. FileNotFoundError where there is none, else Unreadable."""
    handle, found = open_plain(path)
    with open(handle, "rb") as file:
        if found.st_size > limit:
            raise Unreadable(f"{shown(path)} has {found.st_size:,} bytes; at most {limit:,} are read")
        try:
            return file.read(limit + 1), found
        except OSError as error:
            raise _unreadable(path, error, os.O_RDONLY) from None


def whose(found: os.stat_result) -> str:
    """Why a file is not ours to write on; empty where it is."""
    if found.st_uid != os.geteuid():
        return f"its file belongs to another user (uid {found.st_uid})"
    if found.st_mode & 0o022:
        return f"others may write its file (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it once you trust it"
    return ""


def write_all(handle: int, data: bytes, offset: int) -> None:
    """All of it: a full disk takes a part and says nothing. OSError where it takes no more."""
    view = memoryview(data)
    while view:
        wrote = os.pwrite(handle, view, offset)
        if wrote <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, offset = view[wrote:], offset + wrote


def sync_folder(folder: Path) -> None:
    """Make the names in this directory last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(path: Path, data: bytes) -> None:
    """Put a private file under its name in one step, whole and on the disk; OSError with nothing changed."""
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
    """The path, safe to show."""
    return safe_text(str(path), 300)


def names_in(folder: Path) -> list[str]:
    """The names in a directory, sorted; none where there is no such directory. Unreadable where nobody can tell."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        if blocked := in_the_way(folder):
            raise Unreadable(blocked) from None
        if isinstance(error, FileNotFoundError):
            return []
        raise _unreadable(folder, error, os.O_RDONLY) from None


def in_the_way(folder: Path) -> str:
    """What stands where ``folder`` or a directory above it is needed, and the remedy; empty where nothing does."""
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
    """Why something in ``folder`` failed: what stands in its way, else the system's words."""
    return in_the_way(folder) or error.strerror or "an error"


def _refuse_other_kinds(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if blocked := in_the_way(path.parent):
            raise Unreadable(blocked) from None
        return
    except OSError as error:
        raise _unreadable(path, error, os.O_RDONLY) from None
    for is_kind, word in _KINDS:
        if is_kind(mode):
            raise Unreadable(f"{shown(path)} is {word}, not a plain file")


def _unreadable(path: Path, error: OSError, flags: int) -> Unreadable:
    what = "read" if flags & os.O_ACCMODE == os.O_RDONLY else "written"
    return Unreadable(in_the_way(path.parent) or f"{shown(path)} cannot be {what}: {error.strerror or 'an error'}")
