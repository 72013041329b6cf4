"""Append records to a file, and keep damaged files under another name."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from optimus_tui.storage.private_file import PrivateFile, sync_folder

_TAIL = 64
KEEP = 2


class AppendLog(PrivateFile):
    """The open file of one writer, who holds the lock and calls ``resume`` before it appends."""

    def __init__(self, path: Path, handle: int) -> None:
        super().__init__(path, handle)
        self.good = 0
        """The length in bytes of the whole records."""
        self._tail = b""
        """The last bytes of these, as they are on the disk."""

    def resume(self, good: int) -> None:
        """Continue after the first ``good`` bytes, which are whole records."""
        start = max(0, good - _TAIL)
        self.good, self._tail = good, os.pread(self.handle, good - start, start)

    def append(self, record: bytes, confirm: Callable[[], object] | None = None) -> None:
        """Write one record after the last whole one, durably.

        Args:
            record: Its bytes, with the line break.
            confirm: Called when the record is on the disk. Where it raises an OSError, the record is removed again.

        Raises:
            OSError: The record does not count. It is cut off; where that fails too, the next append writes over it,
                and a reader may find it until then.
        """
        self._check_place()
        end = self.good + len(record)
        try:
            self.write(record, self.good)
            if self.size > end:
                os.ftruncate(self.handle, end)  # The rest is of an earlier record that could not be cut off.
            os.fdatasync(self.handle)
            if confirm is not None:
                confirm()
        except OSError:
            with contextlib.suppress(OSError):  # The next append begins at the same place in any case.
                self.cut()
            raise
        self.good, self._tail = end, record[-_TAIL:]

    def torn(self, limit: int) -> bytes:
        """Return at most ``limit`` bytes of what follows the whole records: a record that was never finished."""
        return os.pread(self.handle, limit, self.good)

    def cut(self) -> None:
        """Remove the unfinished record at the end."""
        os.ftruncate(self.handle, self.good)
        os.fdatasync(self.handle)

    def _check_place(self) -> None:
        """Raise OSError where the path is no longer the file that the last record was written to."""
        if not self.is_in_place:
            if not os.path.lexists(self.path):
                raise OSError(errno.ENOENT, "its file was deleted or moved away: put it back")
            raise OSError(errno.ESTALE, "another file was put in its place: put the one back that was here")
        tail = os.pread(self.handle, len(self._tail), max(0, self.good - len(self._tail)))
        if self.size < self.good or tail != self._tail:
            raise OSError(errno.ESTALE, "its file was cut or changed by somebody else: put it back as it was")


def keep_aside(folder: Path, stem: str, data: bytes) -> Path:
    """Write ``data`` durably to a new file of its own and return it; OSError where that is not possible."""
    for attempt in range(1000):
        path = folder / f"{stem}-{_stamp()}{f'-{attempt}' if attempt else ''}"
        try:
            file = PrivateFile.new(path)
        except FileExistsError:
            continue
        with file:
            try:
                file.write(data)
                os.fsync(file.handle)
            except OSError:
                os.unlink(path)
                raise
        sync_folder(folder)
        return path
    raise OSError(errno.EEXIST, "no free name")


def set_aside(path: Path, is_sound: Callable[[Path], bool], side_files: tuple[str, ...] = ()) -> Path | None:
    """Move a damaged file aside and return where it is now; None when the one at ``path`` is sound or gone.

    A lock, and a second look at the file, keep two processes from moving a good one. The newest two are kept.

    Args:
        path: The file.
        is_sound: Whether a file is not damaged.
        side_files: Endings of files that belong to it, and are moved before it.

    Raises:
        LockHeld: another process is about to do the same.
        OSError: it cannot be moved.
    """
    suffixes = (*side_files, "")
    with PrivateFile.take(Path(f"{path}.lock"), os.O_RDWR | os.O_CREAT):
        if not path.exists() or is_sound(path):
            return None
        name = f"{path.name}.damaged-{_stamp()}"
        taken = {one.name for one in path.parent.glob(f"{name}*")}
        number = next(n for n in range(len(taken) + 1) if (f"{name}-{n}" if n else name) not in taken)
        target = path.with_name(f"{name}-{number}" if number else name)
        for suffix in suffixes:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{target}{suffix}")
        moved = [one for one in path.parent.glob(f"{path.name}.damaged-*") if not one.name.endswith(side_files)]
        for old in sorted(moved, key=lambda one: one.stat().st_mtime)[:-KEEP]:
            for suffix in suffixes:
                Path(f"{old}{suffix}").unlink(missing_ok=True)
        return target


def _stamp() -> str:
    """Return the time and this process, for names."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
