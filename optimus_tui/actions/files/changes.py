"""Write several files, all or none, even if the process is killed meanwhile; and undo it later.

Each file is first written beside its target, then moved by renames that the journal lists, so that the next run can
finish what a killed one began. A file that has changed since the plan is refused. Links are never followed.
"""

import contextlib
import hashlib
import os
import stat
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.actions.files.tree import Tree, WriteRefused, write_new
from optimus_tui.actions.files.tree import read_plain as read_plain_of_changes
from optimus_tui.storage.private_file import (
    LockHeld,
    PrivateFile,
    UnreadableFile,
    names_in,
    put_in_place,
    read_plain,
    state_dir,
)
from optimus_tui.wording.safe import safe_text

KEPT = 50
"""Finished entries that are kept, and can be undone one after the other."""


class FileChange(Struct, frozen=True):
    """The change of one file: its content before and after. None means that the file does not exist."""

    path: str
    before: bytes | None
    after: bytes | None


class JournalEntry(Struct, frozen=True, kw_only=True):
    """One write of several files.

    ``folders`` are those that it made; ``undoes`` is the id of the entry that it undid.
    """

    id: str
    root: str
    label: str
    state: Literal["staging", "committing", "done", "stuck"]
    changes: tuple[FileChange, ...]
    folders: tuple[str, ...] = ()
    undoes: str | None = None


class UndoJournal:
    """The journal of one project's writes.

    ``folder``: the folder of all journals; None for the one in the user's state directory.
    """

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        self.root = str(root)
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:24]
        self._folder = (folder or state_dir() / "scaffold") / name

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock, so that no other process writes at the same time.

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
        """Write an entry to the disk, replacing an older state of it. A killed process leaves no half of it."""
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
        """Return all entries, oldest first, and delete the oldest finished ones if there are more than 50.

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


def plan_files(root: Path, files: Sequence[tuple[str, bytes]]) -> tuple[FileChange, ...]:
    """Return what writing these files would change, without files that have this content already.

    Raises:
        WriteRefused: A path is refused by ``Tree``.
    """
    with Tree(root) as tree:
        seen = [FileChange(path, tree.read(path), after) for path, after in files]
    return tuple(change for change in seen if change.before != change.after)


def apply_changes(root: Path, changes: Sequence[FileChange], label: str, folder: Path | None = None) -> JournalEntry:
    """Make all changes or none, and return the journal entry that can undo them.

    Args:
        root: The project.
        changes: The changes, as planned.
        label: What the user calls this write.
        folder: The journals' folder; None for the user's own.

    Raises:
        WriteRefused: A file is not what the plan saw; nothing was written.
        OSError: The disk failed; nothing was written.
    """
    with Tree(root) as tree:
        journal = UndoJournal(tree.root, folder)
        with journal.locked():
            _settle(tree, journal)
            return _apply(tree, journal, changes, label, None)


def undo_last(root: Path, folder: Path | None = None) -> JournalEntry:
    """Undo the last write that was not undone yet, and return its entry.

    Raises:
        WriteRefused: A file was changed since, or there is nothing to undo.
    """
    with Tree(root) as tree:
        journal = UndoJournal(tree.root, folder)
        with journal.locked():
            _settle(tree, journal)
            entries = [entry for entry in journal.entries() if entry.state == "done"]
            taken_back = {entry.undoes for entry in entries}
            standing = [entry for entry in entries if entry.undoes is None and entry.id not in taken_back]
            if not standing:
                raise WriteRefused(f"there is nothing to undo in {tree.root}")
            last = standing[-1]
            changed = [each.path for each in last.changes if tree.read(each.path) != each.after]
            if changed:
                raise WriteRefused(f"{', '.join(changed)} changed since {last.label} was written: nothing was undone")
            back = [FileChange(each.path, each.after, each.before) for each in reversed(last.changes)]
            _apply(tree, journal, back, f"undo of {last.label}", last.id)
            for path in reversed(last.folders):
                tree.remove_folder(path)
            return last


def recover(root: Path, folder: Path | None = None) -> list[str]:
    """Finish or undo the writes that a killed process left half done, and return a sentence for each."""
    with Tree(root) as tree:
        journal = UndoJournal(tree.root, folder)
        with journal.locked():
            return _settle(tree, journal)


def _apply(
    tree: Tree, journal: UndoJournal, changes: Sequence[FileChange], label: str, undoes: str | None
) -> JournalEntry:
    for change in changes:
        if tree.read(change.path) != change.before:
            raise WriteRefused(f"{change.path} is not what it was when the plan was made: nothing was written")
    folders = dict.fromkeys(path for each in changes if each.after is not None for path in tree.missing(each.path))
    entry = JournalEntry(
        id=journal.new_id(),
        root=str(tree.root),
        label=label,
        state="staging",
        changes=tuple(changes),
        folders=tuple(folders),
        undoes=undoes,
    )
    journal.save(entry)
    try:
        for path in entry.folders:
            tree.make_folder(path)
        for change in entry.changes:
            _stage(tree, entry, change)
        entry = replace(entry, state="committing")
        journal.save(entry)
    except BaseException:
        _clear(tree, entry)
        journal.remove(entry)
        raise
    _finish(tree, journal, entry)
    return entry


def _finish(tree: Tree, journal: UndoJournal, entry: JournalEntry) -> None:
    """Move all files to their places, or all of them back."""
    try:
        for change in entry.changes:
            _move(tree, entry, change)
        journal.save(replace(entry, state="done"))  # If this fails, the write is undone: it could not be undone later.
    except (WriteRefused, OSError):
        _take_back(tree, entry)
        _clear(tree, entry)
        journal.remove(entry)
        raise


def _settle(tree: Tree, journal: UndoJournal) -> list[str]:
    sentences: list[str] = []
    for entry in journal.entries():
        if entry.state == "staging":
            _clear(tree, entry)
            journal.remove(entry)
            sentences.append(f"an interrupted write of {entry.label} was taken back")
        elif entry.state == "committing":
            try:
                _finish(tree, journal, entry)
                sentences.append(f"an interrupted write of {entry.label} was finished")
            except (WriteRefused, OSError) as error:
                sentences.append(f"an interrupted write of {entry.label} was taken back: {error}")
    return sentences


def _staged(entry: JournalEntry, name: str) -> str:
    return f".{name}.{entry.id}.tmp"


def _stage(tree: Tree, entry: JournalEntry, change: FileChange) -> None:
    if change.after is None:
        return
    with tree.parent(change.path) as (handle, name):
        write_new(handle, _staged(entry, name), change.after, _mode(handle, name))
        _sync(handle)


def _sync(folder: int) -> None:
    """Write the names of an open folder to the disk, where the file system can."""
    with contextlib.suppress(OSError):
        os.fsync(folder)


def _mode(handle: int, name: str) -> int:
    """Return the permission bits: those of the existing file, else 0666 without the user's mask."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _move(tree: Tree, entry: JournalEntry, change: FileChange) -> None:
    """Move one file to its place; do nothing if it is there already."""
    with tree.parent(change.path) as (handle, name):
        current, staged = read_plain_of_changes(handle, name, change.path), _staged(entry, name)
        if current != change.after:
            if current != change.before:
                raise WriteRefused(f"{change.path} was changed by somebody else meanwhile")
            _swap(handle, name, staged, change)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=handle)
        _sync(handle)


def _swap(handle: int, name: str, staged: str, change: FileChange) -> None:
    if change.after is None:
        os.unlink(name, dir_fd=handle)
    elif change.before is not None:
        os.rename(staged, name, src_dir_fd=handle, dst_dir_fd=handle)
    else:
        try:  # A link, unlike a rename, never replaces a file that has just appeared.
            os.link(staged, name, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
        except FileExistsError:
            raise WriteRefused(f"{change.path} was created meanwhile: nothing was written") from None
        except OSError:  # The file system has no hard links.
            os.rename(staged, name, src_dir_fd=handle, dst_dir_fd=handle)


def _take_back(tree: Tree, entry: JournalEntry) -> None:
    """Restore the files that were moved already."""
    for change in reversed(entry.changes):
        with contextlib.suppress(WriteRefused, OSError), tree.parent(change.path) as (handle, name):
            if read_plain_of_changes(handle, name, change.path) != change.after:
                continue
            if change.before is None:
                os.unlink(name, dir_fd=handle)
                continue
            old = f"{_staged(entry, name)}.old"
            write_new(handle, old, change.before, _mode(handle, name))
            os.rename(old, name, src_dir_fd=handle, dst_dir_fd=handle)


def _clear(tree: Tree, entry: JournalEntry) -> None:
    """Remove the staged files and the folders that were made for them."""
    for change in entry.changes:
        with contextlib.suppress(WriteRefused, OSError), tree.parent(change.path) as (handle, name):
            os.unlink(_staged(entry, name), dir_fd=handle)
    for path in reversed(entry.folders):
        tree.remove_folder(path)
