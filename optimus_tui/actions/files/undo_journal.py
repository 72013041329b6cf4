"""A journal of what was written and what is being written: one private file an entry, in the state directory.

An entry is on the disk before anything else is, so that the next run can finish or undo what a killed run left.
"""

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.storage.errors import UnreadableFile
from optimus_tui.storage.file_lock import LockHeld
from optimus_tui.storage.private_file import PrivateFile, names_in, put_in_place, read_plain
from optimus_tui.storage.user import state_dir
from optimus_tui.wording.safe import safe_text

KEPT = 50
"""Finished entries that are kept, and can be undone one after the other."""


class FileChange(Struct, frozen=True):
    """The change of one file: its content before and after. None means that there is no file."""

    path: str
    before: bytes | None
    after: bytes | None


class JournalEntry(Struct, frozen=True, kw_only=True):
    """One write. ``folders`` are those that it makes; ``undoes`` is the id of the entry that it undoes."""

    id: str
    root: str
    label: str
    state: Literal["staging", "committing", "done", "stuck"]
    changes: tuple[FileChange, ...]
    folders: tuple[str, ...] = ()
    undoes: str | None = None


class UndoJournal:
    """The entries of one project. ``folder``: the journals' folder; None for the user's own."""

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        self.root = str(root)
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:24]
        self._folder = (folder or state_dir() / "scaffold") / name

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the project.

        Raises:
            WriteRefused: Another process writes, or the journal cannot be kept.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = PrivateFile.take(self._folder / "lock", os.O_RDWR | os.O_CREAT)
        except LockHeld:
            raise WriteRefused("another scaffold is writing to this project: try again when it is done") from None
        except OSError as error:
            raise self._refused(error) from None
        with file:
            yield

    def new_id(self) -> str:
        """Return an id that sorts after all earlier ones."""
        return f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"

    def save(self, entry: JournalEntry) -> None:
        """Write an entry to the disk, whole or not at all."""
        try:
            put_in_place(self._folder / f"{entry.id}.json", msgspec.json.encode(entry))
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> WriteRefused:
        return WriteRefused(f"{self._folder} cannot keep what undo needs ({error.strerror}): nothing is written")

    def remove(self, entry: JournalEntry) -> None:
        """Delete an entry."""
        (self._folder / f"{entry.id}.json").unlink(missing_ok=True)

    def entries(self) -> list[JournalEntry]:
        """Return all entries, oldest first, and delete the oldest finished ones beyond 50.

        Raises:
            WriteRefused: An entry cannot be read: without it, it is unknown what was written last and whether that was
                finished.
        """
        found: list[JournalEntry] = []
        try:
            names = names_in(self._folder)
        except UnreadableFile as error:
            raise WriteRefused(f"the undo journal cannot be read: {error}") from None
        for path in (self._folder / name for name in names if name.endswith(".json")):
            try:
                entry = msgspec.json.decode(read_plain(path)[0], type=JournalEntry)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError, RecursionError) as error:
                why = str(error) if isinstance(error, UnreadableFile) else "it is damaged"
                remedy = "look at it and move it away: what it holds cannot be undone then"
                message = (
                    f"an entry of the undo journal cannot be read, {safe_text(str(path), 300)}: {safe_text(why, 200)}"
                )
                raise WriteRefused(f"{message}; {remedy}") from None
            if entry.root == self.root:
                found.append(entry)
        for entry in [each for each in found if each.state == "done"][:-KEPT]:
            self.remove(entry)
        return found
