"""Set what is damaged aside under a name of its own, which replaces nothing; of each file the newest two are kept."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from optimus_tui.storage.private_file import PrivateFile, sync_folder

KEEP = 2


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
