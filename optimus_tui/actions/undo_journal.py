"""What was written, and what is being written: one private file an action, in the user's state directory.

It is on the disk before anything else is, so a run that was killed can be finished or taken back by the next one.
"""

import contextlib
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from optimus_tui.actions.tree import Refused
from optimus_tui.history.state_files import Unreadable, names_in, read_plain
from optimus_tui.wording.safe import safe_text

KEPT = 50
"""Finished actions that can be looked up, and undone one after the other."""


class Change(Struct, frozen=True):
    """One file: what is there now and what shall be. None is no file."""

    path: str
    before: bytes | None
    after: bytes | None


class Entry(Struct, frozen=True, kw_only=True):
    """One action. ``folders`` are those it makes; ``undoes`` is the entry that it takes back."""

    id: str
    root: str
    label: str
    state: Literal["staging", "committing", "done", "stuck"]
    changes: tuple[Change, ...]
    folders: tuple[str, ...] = ()
    undoes: str | None = None


class UndoJournal:
    """The entries of one project."""

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        self.root = str(root)
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:24]
        self._folder = (folder or state_folder()) / name

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with this project; Refused while another one writes, or where nothing can be kept."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(
                f"{self._folder} cannot keep what undo needs ({error.strerror}): nothing is written"
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Refused("another scaffold is writing to this project: try again when it is done") from None
        finally:
            os.close(handle)

    def new_id(self) -> str:
        """A name that sorts behind those of before."""
        return f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"

    def save(self, entry: Entry) -> None:
        """Put an entry on the disk, whole or not at all."""
        draft, target = self._folder / f"{entry.id}.new", self._folder / f"{entry.id}.json"
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(handle, "wb") as file:
                file.write(msgspec.json.encode(entry))
                file.flush()
                os.fsync(handle)
            draft.rename(target)
            sync_folder(self._folder)
        except OSError as error:
            raise Refused(
                f"{self._folder} cannot keep what undo needs ({error.strerror}): nothing is written"
            ) from None

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        (self._folder / f"{entry.id}.json").unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """All of them, oldest first; the oldest finished ones are dropped. Refused where one cannot be read.

        Without it nobody can tell what was written last, nor whether that was finished.
        """
        found: list[Entry] = []
        try:
            names = names_in(self._folder)
        except Unreadable as error:
            raise Refused(f"the undo journal cannot be read: {error}") from None
        for path in (self._folder / name for name in names if name.endswith(".json")):
            try:
                entry = msgspec.json.decode(read_plain(path)[0], type=Entry)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError, RecursionError) as error:
                why = str(error) if isinstance(error, Unreadable) else "it is damaged"
                remedy = "look at it and move it away: what it holds cannot be undone then"
                said = (
                    f"an entry of the undo journal cannot be read, {safe_text(str(path), 300)}: {safe_text(why, 200)}"
                )
                raise Refused(f"{said}; {remedy}") from None
            if entry.root == self.root:
                found.append(entry)
        for entry in [each for each in found if each.state == "done"][:-KEPT]:
            self.remove(entry)
        return found


def state_folder() -> Path:
    """Where journals are."""
    from platformdirs import user_state_path

    return user_state_path("optimus-tui", appauthor=False) / "scaffold"


def sync_folder(place: Path | int) -> None:
    """Put a folder's names on the disk, where the file system can."""
    handle = place if isinstance(place, int) else os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        if not isinstance(place, int):
            os.close(handle)
