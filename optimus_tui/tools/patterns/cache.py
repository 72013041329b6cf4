"""Verdicts on files, kept by content: a file is judged again only if its bytes or its neighbours' bytes changed.

They are kept in the user's cache directory, one file for each source tree. What cannot be read or written there is
ignored.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import msgspec

from optimus_tui.patterns.judge import Verdict
from optimus_tui.patterns.rules import VERSION
from optimus_tui.storage.private_file import put_in_place

MOST_BYTES = 32_000_000


class _File(msgspec.Struct, array_like=True):
    version: str
    neighbours: dict[str, bytes] = {}
    verdicts: dict[str, tuple[bytes, Verdict]] = {}


class VerdictCache:
    """Keeps verdicts by content. ``digest_of(path)`` is the digest of a neighbour; b"" if there is no such file."""

    def __init__(self, root: Path, digest_of: Callable[[str], bytes], folder: Path | None = None) -> None:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        self._place = (folder or cache_folder()) / f"{name}.msgpack"
        self._kept = self._load()
        if any(digest_of(path) != known for path, known in self._kept.neighbours.items()):
            self._kept = _File(_version())
        self._changed = False

    def get(self, path: str, digest: bytes) -> Verdict | None:
        """Return the verdict on exactly these bytes, or None."""
        known = self._kept.verdicts.get(path)
        if known is not None and known[0] == digest:
            return known[1]
        return None

    def put(self, path: str, digest: bytes, verdict: Verdict) -> None:
        """Keep a verdict."""
        self._kept.verdicts[path] = (digest, verdict)
        self._changed = True

    def save(self, neighbours: Iterable[tuple[str, bytes]]) -> None:
        """Write what is new, all of it or nothing."""
        if not self._changed:
            return
        self._kept.neighbours.update(neighbours)
        try:
            data = msgspec.msgpack.encode(self._kept)
        except UnicodeEncodeError:
            return  # a name that is no text; it is judged again each time
        if len(data) > MOST_BYTES:
            return
        with contextlib.suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            put_in_place(self._place, data)

    def _load(self) -> _File:
        try:
            data = b""
            if self._place.stat().st_size <= MOST_BYTES:
                data = self._place.read_bytes()
            found = msgspec.msgpack.decode(data, type=_File)
        except (OSError, msgspec.DecodeError, RecursionError):
            return _File(_version())
        if found.version == _version():
            return found
        return _File(_version())


def cache_folder() -> Path:
    """Return the folder where verdicts are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("optimus-tui")) / "patterns"


@cache
def _version() -> str:
    """The rules, the grammar of this Python, and the files that judge."""
    from optimus_tui import patterns

    folder = Path(patterns.__file__).parent
    files = sorted((*folder.glob("*.py"), *folder.glob("rules/*.py")))
    marks = [f"{one.name}:{one.stat().st_mtime_ns}:{one.stat().st_size}" for one in files]
    return f"{VERSION}/{sys.version_info[:2]}/{hashlib.sha256(' '.join(marks).encode()).hexdigest()[:16]}"
