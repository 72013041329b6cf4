"""A file of records that is only appended to: each record is on the disk, whole, or it is not there at all."""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from optimus_tui.storage.private_file import PrivateFile

_TAIL = 64


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
            OSError: The record is not in the file, not even in part.
        """
        self._check_place()
        end = self.good + len(record)
        try:
            self.write(record, self.good)
            if self.size > end:
                os.ftruncate(self.handle, end)  # what an earlier try left there
            os.fdatasync(self.handle)
            if confirm is not None:
                confirm()
        except OSError:
            with contextlib.suppress(OSError):  # else the next try begins at the same place
                os.ftruncate(self.handle, self.good)
            raise
        self.good, self._tail = end, record[-_TAIL:]

    def torn(self, limit: int) -> bytes:
        """Return what follows the whole records: the beginning of one that was never finished."""
        return os.pread(self.handle, limit, self.good)

    def cut(self) -> None:
        """Remove what follows the whole records."""
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
