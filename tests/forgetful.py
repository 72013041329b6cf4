"""A disk that forgets at a power cut what nobody synced: what would be left of each file at any moment.

It looks on at the level of ``os``: the real files are written as always; beside them is kept what ``fsync`` or
``fdatasync`` made last. A file that was never synced is empty after a power cut.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class ForgetfulDisk:
    """Entered by ``forgetful``. ``synced`` is called after each sync with the path of the file."""

    def __init__(self) -> None:
        self._lasting: dict[tuple[int, int], bytes] = {}
        self.synced: Callable[[str], None] = lambda path: None

    def after_power_cut(self, path: Path) -> bytes:
        """What would be left of the file that has this name now."""
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return b""
        return self._lasting.get((found.st_dev, found.st_ino), b"")

    def note(self, handle: int) -> None:
        found, path = os.fstat(handle), os.readlink(f"/proc/self/fd/{handle}")
        if not os.path.isdir(path):
            with open(f"/proc/self/fd/{handle}", "rb") as file:
                self._lasting[(found.st_dev, found.st_ino)] = file.read()
        self.synced(path)


@contextmanager
def forgetful() -> Iterator[ForgetfulDisk]:
    """Look on while this is open."""
    disk, before = ForgetfulDisk(), (os.fsync, os.fdatasync)

    def watching(real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(handle: int) -> None:
            real(handle)
            disk.note(handle)

        return sync

    os.fsync, os.fdatasync = watching(before[0]), watching(before[1])  # type: ignore[assignment]
    try:
        yield disk
    finally:
        os.fsync, os.fdatasync = before
