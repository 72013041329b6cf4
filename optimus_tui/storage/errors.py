"""Why a file or directory cannot be used, in one sentence that may be shown."""

import errno
import os
import stat
from pathlib import Path

from optimus_tui.wording.safe import safe_text

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

    def __init__(self, sentence: str, number: int | None = None) -> None:
        super().__init__(number or errno.EINVAL, sentence)

    def __str__(self) -> str:
        """Return the sentence."""
        return str(self.strerror)


def shown(path: Path) -> str:
    """Return the path as safe text."""
    return safe_text(str(path), 300)


def kind_of(mode: int) -> str:
    """Return what a file mode stands for, "a directory" for example; empty for a plain file."""
    return next((word for is_kind, word in _KINDS if is_kind(mode)), "")


def unusable(path: Path, error: OSError, flags: int = os.O_RDONLY) -> UnreadableFile:
    """Return the error for a path that the system did not open with these flags."""
    what = "written"
    if flags & os.O_ACCMODE == os.O_RDONLY:
        what = "read"
    sentence = in_the_way(path.parent) or f"{shown(path)} cannot be {what}: {error.strerror or 'an error'}"
    return UnreadableFile(sentence, error.errno)


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
            return f"{shown(place)} is {kind_of(mode) or 'a file'} where a directory is needed: move it away"
        if not os.access(place, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return f"{shown(place)} cannot be entered by this user: check its owner and rights"
    return ""


def reason(error: OSError, folder: Path) -> str:
    """Return why something in ``folder`` failed: what is in its way, else the system's words."""
    return in_the_way(folder) or error.strerror or "an error"
