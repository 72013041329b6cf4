"""Open, read, lock and replace the files of our own state safely.

Files are regular, private, complete and durable; errors say why one cannot be used.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import socket
import stat
import time
from pathlib import Path
from typing import IO, Self

from optimus_tui.wording.numbers import clock
from optimus_tui.wording.safe import safe_text

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
SECONDS = 3.0
_PAUSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
MAX_BYTES = 256_000_000


class UnreadableFile(OSError):
    """A file cannot be used; the message is one sentence that may be shown."""

    def __init__(self, sentence: str, number: int | None = None) -> None:
        super().__init__(number or errno.EINVAL, sentence)

    def __str__(self) -> str:
        """Return the sentence."""
        return str(self.strerror)


def shown(path: Path) -> str:
    """Return the path as safe text."""
    return safe_text(str(path), 300)


def kind_of(mode: int) -> str:
    """Return what a file mode stands for, "a directory" for example; empty for a regular file."""
    return next((word for is_kind, word in _KINDS if is_kind(mode)), "")


def unusable(path: Path, error: OSError, flags: int = os.O_RDONLY) -> UnreadableFile:
    """Return the error for a path that could not be opened with these flags."""
    what = "written"
    if flags & os.O_ACCMODE == os.O_RDONLY:
        what = "read"
    sentence = in_the_way(path.parent) or f"{shown(path)} cannot be {what}: {error.strerror or 'an error'}"
    return UnreadableFile(sentence, error.errno)


def in_the_way(folder: Path) -> str:
    """Return what blocks ``folder`` or a directory above it, such as a file, with the remedy; empty if nothing does."""
    for place in (*reversed(folder.parents), folder):
        try:
            mode = os.stat(place).st_mode
        except FileNotFoundError:
            if not place.is_symlink():
                return ""
            return f"{shown(place)} is a link to nowhere: remove it, or create what it points to"
        except OSError as error:
            return f"{shown(place)} cannot be looked at: {error.strerror}"
        if not stat.S_ISDIR(mode):
            return f"{shown(place)} is {kind_of(mode) or 'a file'} where a directory is needed: move it away"
        if not os.access(place, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return f"{shown(place)} cannot be entered by this user: check its owner and rights"
    return ""


def reason(error: OSError, folder: Path) -> str:
    """Return why something in ``folder`` failed: what blocks the folder, else the system's message."""
    return in_the_way(folder) or error.strerror or "an error"


class LockHeld(UnreadableFile):
    """Another process holds the lock; the message says which one, if that is known."""


def lock(handle: int, path: Path, what: str, seconds: float = SECONDS) -> None:
    """Lock an open file for this process alone.

    Raises:
        LockHeld: another process still has the lock after ``seconds``.
        OSError: the file system has no locks.
    """
    deadline, turn = time.monotonic() + seconds, 0
    while not try_lock(handle):
        if time.monotonic() >= deadline:
            remedy = "end that process, or wait for it, and try again"
            raise LockHeld(f"{what} {shown(path)} is held by {holder(handle)}: {remedy}")
        time.sleep(_PAUSES[min(turn, len(_PAUSES) - 1)])
        turn += 1


def try_lock(handle: int, *, shared: bool = False) -> bool:
    """Lock an open file or directory without waiting; return False if another process has the lock.

    Args:
        handle: The open file.
        shared: Whether several processes may hold the lock (a shared lock).

    Raises:
        OSError: the file system has no locks.
    """
    kind = fcntl.LOCK_EX
    if shared:
        kind = fcntl.LOCK_SH
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock(handle: int) -> None:
    """Release the lock."""
    fcntl.flock(handle, fcntl.LOCK_UN)


def holder(handle: int) -> str:
    """Return who holds the lock on this file: ``process 123 (flock), running since 21:40:03 UTC``, or what is known."""
    file = os.fstat(handle)
    for pid in [*_in_lock_table(file), *_with_it_open(file)]:
        if pid == os.getpid():
            return "this very process"
        name = _read(f"/proc/{pid}/comm").strip()
        if name:
            return f"process {pid} ({safe_text(name, 40)}){_since(pid)}"
    return "another process"


def _in_lock_table(file: os.stat_result) -> list[int]:
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    exact, alike = [], []  # some file systems show another device number there than to us
    for line in _read("/proc/locks").splitlines():
        words = line.split()
        if len(words) < 6 or words[1] != "FLOCK" or not words[4].isdigit():
            continue
        if words[5] == device:
            exact.append(int(words[4]))
        elif words[5].endswith(f":{file.st_ino}"):
            alike.append(int(words[4]))
    return exact or alike


def _with_it_open(file: os.stat_result) -> list[int]:
    """Return other processes that have the file open, because the lock may outlive the process that took it."""
    found = []
    for name in _names("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        for each in _names(f"/proc/{name}/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{name}/fd/{each}"), file):
                    found.append(int(name))
                    break
    return found


def _since(pid: int) -> str:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    booted = [line.split()[1] for line in _read("/proc/stat").splitlines() if line.startswith("btime ")]
    if len(fields) < 20 or not booted:
        return ""
    began = int(booted[0]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return f", running since {clock(began)} UTC"


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class PrivateFile:
    """An open regular file of our own. Use it in ``with``, or close it."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path, self.handle = path, handle

    @classmethod
    def open(cls, path: Path, flags: int = os.O_RDWR) -> Self:
        """Open a file; with O_CREAT in ``flags`` it is created, readable for its owner only, where there is none.

        Raises:
            FileNotFoundError: there is no file.
            UnreadableFile: the file cannot be opened or is not a regular file.
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
            raise UnreadableFile(f"{shown(path)} is not a regular file")
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
        """Remove the permissions of other users, if they have any."""
        if os.fstat(self.handle).st_mode & 0o077:
            os.fchmod(self.handle, 0o600)

    def write(self, data: bytes, offset: int = 0) -> None:
        """Write all of ``data``. One write to a full disk may take only a part; then OSError is raised."""
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
    """Return the bytes of a regular file and its ``os.stat_result``.

    Raises:
        FileNotFoundError: there is no file.
        UnreadableFile: the file cannot be read or is not a regular file.
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
    """Return why this process may not append to a file; empty if it may."""
    if found.st_uid != os.geteuid():
        return f"its file belongs to another user (uid {found.st_uid})"
    if found.st_mode & 0o022:
        return f"others may write its file (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it once you trust it"
    return ""


def put_in_place(path: Path, data: bytes) -> None:
    """Write a private file in one step, durably. After an OSError the file is complete: the old one or the new one."""
    create(path, data).close()


def create(path: Path, data: bytes, *, locked: bool = False) -> PrivateFile:
    """Put data into a new file as ``put_in_place`` does, and return the open file.

    With ``locked``, it is locked before other processes can see it.
    """
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
        raise UnreadableFile(f"{shown(path)} is {word}, not a regular file")


def state_dir() -> Path:
    """Return the directory of everything that is stored: audit, plans, incidents, history and the undo journal."""
    from platformdirs import user_state_path

    return user_state_path("optimus-tui", appauthor=False)


def user_name() -> str:
    """Return the system's user, or its uid where it has no name."""
    try:
        return safe_text(pwd.getpwuid(os.getuid()).pw_name, 60)
    except KeyError:
        return f"uid {os.getuid()}"


def writer() -> str:
    """Return user, process and machine, to be shown to others who find a file locked."""
    return f"{user_name()}, process {os.getpid()} on {safe_text(socket.gethostname(), 60)}"
