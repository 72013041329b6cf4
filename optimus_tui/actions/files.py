"""Several files at once: all of them or none, after a kill -9 too, and back again.

Everything is staged beside its target first, then moved by renames that the journal knows of: the next run
finishes what a killed one began. It refuses to touch a file that is not what the plan saw, and never follows a link.
"""

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from optimus_tui.actions.tree import Refused, Tree, read_plain, write_new
from optimus_tui.actions.undo_journal import Change, Entry, UndoJournal, sync_folder


def plan_files(root: Path, files: Sequence[tuple[str, bytes]]) -> tuple[Change, ...]:
    """What writing these files would change; files that are so already are left out. Refused as ``Tree`` refuses."""
    with Tree(root) as tree:
        seen = [Change(path, tree.read(path), after) for path, after in files]
    return tuple(change for change in seen if change.before != change.after)


def apply_changes(root: Path, changes: Sequence[Change], label: str, folder: Path | None = None) -> Entry:
    """Make the changes, all or none; the entry that can undo them. Refused or OSError with nothing written."""
    with Tree(root) as tree:
        journal = UndoJournal(tree.root, folder)
        with journal.locked():
            _settle(tree, journal)
            return _apply(tree, journal, changes, label, None)


def undo_last(root: Path, folder: Path | None = None) -> Entry:
    """Take back the last write that still stands; its entry. Refused where a file was changed since."""
    with Tree(root) as tree:
        journal = UndoJournal(tree.root, folder)
        with journal.locked():
            _settle(tree, journal)
            entries = [entry for entry in journal.entries() if entry.state == "done"]
            taken_back = {entry.undoes for entry in entries}
            standing = [entry for entry in entries if entry.undoes is None and entry.id not in taken_back]
            if not standing:
                raise Refused(f"there is nothing to undo in {tree.root}")
            last = standing[-1]
            changed = [each.path for each in last.changes if tree.read(each.path) != each.after]
            if changed:
                raise Refused(f"{', '.join(changed)} changed since {last.label} was written: nothing was undone")
            back = [Change(each.path, each.after, each.before) for each in reversed(last.changes)]
            _apply(tree, journal, back, f"undo of {last.label}", last.id)
            for path in reversed(last.folders):
                tree.remove_folder(path)
            return last


def recover(root: Path, folder: Path | None = None) -> list[str]:
    """Finish or take back what a killed run left; one sentence each."""
    with Tree(root) as tree:
        journal = UndoJournal(tree.root, folder)
        with journal.locked():
            return _settle(tree, journal)


def _apply(tree: Tree, journal: UndoJournal, changes: Sequence[Change], label: str, undoes: str | None) -> Entry:
    for change in changes:
        if tree.read(change.path) != change.before:
            raise Refused(f"{change.path} is not what it was when the plan was made: nothing was written")
    folders = dict.fromkeys(path for each in changes if each.after is not None for path in tree.missing(each.path))
    entry = Entry(
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


def _finish(tree: Tree, journal: UndoJournal, entry: Entry) -> None:
    """Move everything to its place, or everything back."""
    try:
        for change in entry.changes:
            _move(tree, entry, change)
        journal.save(replace(entry, state="done"))  # what cannot be undone later is not left standing
    except (Refused, OSError):
        _take_back(tree, entry)
        _clear(tree, entry)
        journal.remove(entry)
        raise


def _settle(tree: Tree, journal: UndoJournal) -> list[str]:
    said: list[str] = []
    for entry in journal.entries():
        if entry.state == "staging":
            _clear(tree, entry)
            journal.remove(entry)
            said.append(f"an interrupted write of {entry.label} was taken back")
        elif entry.state == "committing":
            try:
                _finish(tree, journal, entry)
                said.append(f"an interrupted write of {entry.label} was finished")
            except (Refused, OSError) as error:
                said.append(f"an interrupted write of {entry.label} was taken back: {error}")
    return said


def _staged(entry: Entry, name: str) -> str:
    return f".{name}.{entry.id}.tmp"


def _stage(tree: Tree, entry: Entry, change: Change) -> None:
    if change.after is None:
        return
    with tree.parent(change.path) as (handle, name):
        write_new(handle, _staged(entry, name), change.after, _mode(handle, name))
        sync_folder(handle)


def _mode(handle: int, name: str) -> int:
    """An existing file keeps its own; a new one is what the user's mask makes of 0666."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _move(tree: Tree, entry: Entry, change: Change) -> None:
    """One file to its place. Done already is done."""
    with tree.parent(change.path) as (handle, name):
        current, staged = read_plain(handle, name, change.path), _staged(entry, name)
        if current != change.after:
            if current != change.before:
                raise Refused(f"{change.path} was changed by somebody else meanwhile")
            _swap(handle, name, staged, change)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=handle)
        sync_folder(handle)


def _swap(handle: int, name: str, staged: str, change: Change) -> None:
    if change.after is None:
        os.unlink(name, dir_fd=handle)
    elif change.before is not None:
        os.rename(staged, name, src_dir_fd=handle, dst_dir_fd=handle)
    else:
        try:  # a link, unlike a rename, never takes the place of a file that appeared just now
            os.link(staged, name, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
        except FileExistsError:
            raise Refused(f"{change.path} appeared meanwhile: nothing was written") from None
        except OSError:  # a file system without links
            os.rename(staged, name, src_dir_fd=handle, dst_dir_fd=handle)


def _take_back(tree: Tree, entry: Entry) -> None:
    """Whatever was moved already becomes what it was before."""
    for change in reversed(entry.changes):
        with contextlib.suppress(Refused, OSError), tree.parent(change.path) as (handle, name):
            if read_plain(handle, name, change.path) != change.after:
                continue
            if change.before is None:
                os.unlink(name, dir_fd=handle)
                continue
            old = f"{_staged(entry, name)}.old"
            write_new(handle, old, change.before, _mode(handle, name))
            os.rename(old, name, src_dir_fd=handle, dst_dir_fd=handle)


def _clear(tree: Tree, entry: Entry) -> None:
    """Take away what was staged and the folders that were made for it."""
    for change in entry.changes:
        with contextlib.suppress(Refused, OSError), tree.parent(change.path) as (handle, name):
            os.unlink(_staged(entry, name), dir_fd=handle)
    for path in reversed(entry.folders):
        tree.remove_folder(path)
