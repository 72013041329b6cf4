"""The directories of incidents: each is private and numbered, with a lock that names the writer, and evidence files.

Nothing is deleted, no links are followed, and a file that others own or may write is not trusted.
"""

import contextlib
import hashlib
import os
import re
from pathlib import Path

from optimus_tui.contract.incident import Evidence
from optimus_tui.storage import private_file
from optimus_tui.storage.errors import UnreadableFile, shown
from optimus_tui.storage.file_lock import LockHeld, try_lock
from optimus_tui.storage.private_file import MAX_BYTES, PrivateFile, distrust, names_in, put_in_place, sync_folder
from optimus_tui.storage.user import state_dir
from optimus_tui.wording.safe import safe_text

TIMELINE, LOCK, EVIDENCE = "timeline.jsonl", "lock", "evidence"
_NAME = re.compile(r"^[0-9]{4,9}$")
_EVIDENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")


def incidents_dir() -> Path:
    """Return the directory of all incidents of this user."""
    return state_dir() / "incidents"


def numbers(root: Path) -> list[int]:
    """Return the numbers of the incidents, oldest first. UnreadableFile where that is not possible."""
    return sorted(int(name) for name in names_in(root) if _NAME.match(name))


def folder_of(root: Path, number: int) -> Path:
    """Return the directory of an incident; it need not exist."""
    return root / f"{number:04d}"


def new_folder(root: Path) -> tuple[int, Path]:
    """Create a directory under the next free number, never one that another process creates.

    Raises:
        OSError: none can be created.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = max(numbers(root), default=0) + 1
    while True:
        folder = folder_of(root, number)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        sync_folder(root)
        return number, folder


# -- who writes


def lock_incident(folder: Path, who: str) -> PrivateFile:
    """Make this process the one that may write, and return the lock. ``who`` is shown to others.

    Raises:
        LockHeld: another process has the lock; the message names it.
        OSError: no lock can be had.
    """
    try:
        file = PrivateFile.take(folder / LOCK, os.O_RDWR | os.O_CREAT)
    except LockHeld:
        with PrivateFile.open(folder / LOCK) as held:
            raise LockHeld(f"it is open elsewhere: {_owner(held)}") from None
    with contextlib.suppress(OSError):  # a full disk: the lock holds without its owner's name
        os.ftruncate(file.handle, 0)
        file.write(who.encode("utf-8", "backslashreplace")[:300])
    return file


def is_held(folder: Path) -> str:
    """Return who writes to this incident now; empty for nobody."""
    try:
        file = PrivateFile.open(folder / LOCK)
    except OSError:
        return ""
    with file:
        with contextlib.suppress(OSError):
            if try_lock(file.handle, shared=True):
                return ""
        return _owner(file)


def _owner(file: PrivateFile) -> str:
    return safe_text(os.pread(file.handle, 400, 0), 200) or "another process"


# -- reading, and what is wrong with a file


def read_plain(path: Path, limit: int = MAX_BYTES) -> tuple[bytes, str]:
    """Return the bytes, and why they may not be continued (empty: they may). UnreadableFile if there are none."""
    try:
        data, found = private_file.read_plain(path, limit)
    except FileNotFoundError as error:
        raise UnreadableFile(f"{shown(path)} cannot be read: {error.strerror}") from None
    return data, distrust(found)


# -- evidence


def describe(stem: str, number: int, document: bytes, ending: str = "json") -> Evidence:
    """Return the file name, digest and size for a document. ``number`` makes the name unique within the incident."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem)[:60] or "document"
    digest = hashlib.sha256(document).hexdigest()
    return Evidence(name=f"{number:04d}-{plain}.{ending}", sha256=digest, size=len(document))


def write_evidence(folder: Path, evidence: Evidence, document: bytes) -> None:
    """Write the document in one step; after an OSError there is nothing under its name."""
    place = folder / EVIDENCE
    place.mkdir(mode=0o700, exist_ok=True)
    put_in_place(place / evidence.name, document)


def read_evidence(folder: Path, evidence: Evidence) -> bytes:
    """Return the unchanged document; UnreadableFile where it is gone or changed."""
    if not _EVIDENCE.match(evidence.name):
        raise UnreadableFile("the record names no file of this incident")
    data, _ = read_plain(folder / EVIDENCE / evidence.name)
    if hashlib.sha256(data).hexdigest() != evidence.sha256:
        raise UnreadableFile(f"{evidence.name} is not what was recorded: its digest differs")
    return data
