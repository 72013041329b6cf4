"""Warnings about the git repository before files are written in it.

A repository's own settings can name programs to run. Therefore no git process is started, and its configuration is not
read.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from optimus_tui.actions.files.git_layout import (
    OutsideWorkTree,
    Pattern,
    Repository,
    RepositoryUnreadable,
    find_repository,
    is_ignored,
    read_head,
    read_patterns,
)
from optimus_tui.actions.files.git_objects import Index, IndexEntry, Objects, is_changed, read_index
from optimus_tui.wording.safe import safe_text

SHOWN = 10
MAX_BYTES_READ = 64 * 1024 * 1024
"""Bytes of content that are compared where a file's time alone is not enough."""
MAX_DEPTH = 100
MAX_LISTED = 50_000
"""Directory entries that are searched for new files."""


def git_warnings(root: Path) -> tuple[str, ...]:
    """Return one sentence for each concern; none if the tree is clean and on a branch."""
    root = root.absolute()
    try:
        repository = find_repository(root)
        if repository is None:
            return (f"{root} is in no git repository: only undo can take this back",)
        return (*_place(root, repository), *_changes(root, repository))
    except OutsideWorkTree:
        return (f"{root} is in a bare repository or beside its work tree: git cannot show what is written",)
    except (RepositoryUnreadable, OSError) as error:
        why = getattr(error, "strerror", None) or error
        return (f"whether there are unsaved changes in {root} is not known: {safe_text(why, 160)}",)


def _place(root: Path, repository: Repository) -> Iterator[str]:
    if repository.linked:
        yield f"{root} is a linked work tree of another repository"
    if repository.submodule:
        yield f"{root} is a submodule: the repository around it will show it as changed"
    if read_head(repository)[0] is None:
        yield "HEAD is detached: a commit made here belongs to no branch"


def _changes(root: Path, repository: Repository) -> list[str]:
    try:
        index = read_index(repository.own / "index")
        inside = os.fsencode(f"{root.relative_to(repository.top)}/") if root != repository.top else b""
        entries = [entry for entry in index.entries if entry.path.startswith(inside)]
        names = {*_staged(repository, index, entries, inside), *_edited(repository, index, entries)}
        names |= set(_new_files(root, repository, index))
    except (RepositoryUnreadable, ValueError, OSError) as error:
        return [f"whether there are changes that are not committed is not known: {safe_text(error, 160)}"]
    if not names:
        return []
    shown = ", ".join(safe_text(os.fsdecode(name), 80) for name in sorted(names)[:SHOWN])
    if len(names) > SHOWN:
        shown = f"{shown} and {len(names) - SHOWN} more"
    return [f"there are changes that are not committed: {shown}"]


def _staged(repository: Repository, index: Index, entries: list[IndexEntry], inside: bytes) -> Iterator[bytes]:
    """Yield what the next commit would change: the index against the tree of HEAD. Merge conflicts count."""
    _, commit = read_head(repository)
    before = Objects(repository.common, index.width).files_of(commit, inside) if commit else {}
    for entry in entries:
        if entry.mode == 0o040000:  # In a sparse index a directory stands for its files.
            before = {path: one for path, one in before.items() if not path.startswith(entry.path)}
        elif entry.stage or before.pop(entry.path, None) != (entry.mode, entry.oid):
            yield entry.path
    yield from before


def _edited(repository: Repository, index: Index, entries: list[IndexEntry]) -> Iterator[bytes]:
    budget = [MAX_BYTES_READ]
    top = os.fsencode(repository.top)
    for entry in entries:
        if not entry.skip and is_changed(entry, Path(os.fsdecode(top + b"/" + entry.path)), index, budget):
            yield entry.path


def _new_files(root: Path, repository: Repository, index: Index) -> Iterator[bytes]:
    """Yield files that git neither tracks nor ignores; a directory without a tracked file is yielded as one."""
    tracked = {entry.path for entry in index.entries}
    folders = {path[:at] for path in tracked for at, byte in enumerate(path) if byte == 0x2F}
    patterns = read_patterns(repository.common / "info" / "exclude", "")
    for folder in [*reversed(root.parents), root]:
        if folder == repository.top or repository.top in folder.parents:
            base = os.fspath(folder.relative_to(repository.top))
            patterns += read_patterns(folder / ".gitignore", "" if base == "." else f"{base}/")
    yield from _walk(root, repository.top, tracked, folders, patterns, [MAX_LISTED])


def _walk(
    folder: Path, top: Path, tracked: set[bytes], folders: set[bytes], patterns: list[Pattern], left: list[int]
) -> Iterator[bytes]:
    _check_depth(folder)
    with os.scandir(folder) as listing:
        found = sorted(listing, key=lambda one: one.name)
    for one in _within(left, found):
        path = os.fspath(Path(one.path).relative_to(top))
        name, is_folder = os.fsencode(path), one.is_dir(follow_symlinks=False)
        if one.name == ".git" or name in tracked or is_ignored(path, is_folder, patterns):
            continue
        if is_folder and name in folders:
            own = read_patterns(Path(one.path) / ".gitignore", f"{path}/")
            yield from _walk(Path(one.path), top, tracked, folders, patterns + own, left)
        elif not is_folder or _holds_new_file(Path(one.path), path, patterns, left):
            yield name + b"/" * is_folder


def _holds_new_file(folder: Path, base: str, patterns: list[Pattern], left: list[int]) -> bool:
    """Return True if an untracked directory holds a file that is not ignored: git does not list empty ones."""
    _check_depth(folder)
    patterns = patterns + read_patterns(folder / ".gitignore", f"{base}/")
    with os.scandir(folder) as listing:
        for one in _within(left, listing):
            path, is_folder = f"{base}/{one.name}", one.is_dir(follow_symlinks=False)
            if is_ignored(path, is_folder, patterns):
                continue
            if not is_folder or _holds_new_file(Path(one.path), path, patterns, left):
                return True
    return False


def _check_depth(folder: Path) -> None:
    if len(folder.parts) > MAX_DEPTH:
        raise RepositoryUnreadable("directories lie too deep")


def _within(left: list[int], listing: Iterable["os.DirEntry[str]"]) -> Iterator["os.DirEntry[str]"]:
    """Yield the entries and subtract each from ``left``, the number that may still be read.

    Raises:
        RepositoryUnreadable: There are more.
    """
    for one in listing:
        left[0] -= 1
        if left[0] < 0:
            raise RepositoryUnreadable("there are too many files")
        yield one
