"""Plan and write a new router: its two files, the lines in ``app.py``, the diff, and warnings.

It refuses to write what was not shown: the plan holds every byte, and is void once a file differs from it.
"""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from optimus_tui.actions.files.changes import FileChange, JournalEntry, apply_changes, plan_files
from optimus_tui.actions.files.git_state import git_warnings
from optimus_tui.actions.files.tree import Tree, WriteRefused
from optimus_tui.scaffold.render import APP_PATH, Draft, RegistrationError, lines_to_add, register, render
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.wording.safe import safe_text

SOURCES = "src/backend/routers"
Neighbours = Callable[[Path, Draft], Sequence[str]]
"""Maps a source tree and a draft to sentences about what the draft would share with existing routers."""


class RouterPlan(Struct, frozen=True):
    """Everything that writing the router changes.

    Attributes:
        root: The project.
        draft: The router and its test.
        changes: One change for each file.
        replaced: Existing files that would be overwritten, without ``app.py``.
        warnings: What a person should know first.
    """

    root: Path
    draft: Draft
    changes: tuple[FileChange, ...]
    replaced: tuple[str, ...]
    warnings: tuple[str, ...]


def plan_router(root: Path, spec: RouterSpec, neighbours: Neighbours | None = None) -> RouterPlan:
    """Read the project and return what writing this router would change.

    Raises:
        WriteRefused: The router cannot be written.
    """
    draft = render(spec)
    with Tree(root) as tree:
        if not (tree.root / SOURCES).is_dir():
            raise WriteRefused(f"{safe_text(str(tree.root), 160)} is not a gateway: it has no {SOURCES}")
        app = tree.read(APP_PATH)
        project = tree.root
    files = [(file.path, file.content.encode()) for file in draft.files]
    warnings = list(git_warnings(project))
    if neighbours is not None:
        warnings = [*neighbours(project, draft), *warnings]
    try:
        if app is None:
            raise RegistrationError(f"there is no {APP_PATH}")
        files.append((APP_PATH, register(app.decode(), spec.name).encode()))
    except (RegistrationError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, RegistrationError) else f"{APP_PATH} is not UTF-8"
        warnings.append(f"{reason}: register the router by hand: {'; '.join(lines_to_add(spec.name))}")
    changes = plan_files(project, files)
    replaced = tuple(each.path for each in changes if each.before is not None and each.path != APP_PATH)
    return RouterPlan(project, draft, changes, replaced, tuple(warnings))


def write_router(plan: RouterPlan) -> JournalEntry:
    """Write exactly the plan, all of it or nothing."""
    return apply_changes(plan.root, plan.changes, f"router {plan.draft.spec.name}")


def show_tree(plan: RouterPlan) -> list[str]:
    """Return one line a file: new, changed or replaced."""
    return [f"{_word(plan, each):<9}{each.path}" for each in plan.changes]


def _word(plan: RouterPlan, change: FileChange) -> str:
    if change.before is None:
        return "new"
    return "replaced" if change.path in plan.replaced else "changed"


def show_diff(plan: RouterPlan, *, new_files: bool = True) -> list[str]:
    """Return a unified diff of the plan. ``new_files``: include files that do not exist yet."""
    lines: list[str] = []
    for each in plan.changes:
        if each.before is None and not new_files:
            continue
        before, after = ((side or b"").decode("utf-8", "replace").splitlines() for side in (each.before, each.after))
        old = "/dev/null" if each.before is None else f"a/{each.path}"
        lines += difflib.unified_diff(before, after, old, f"b/{each.path}", lineterm="")
    return lines
