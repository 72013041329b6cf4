"""Plan and write a new router: its files, the lines that register it, the diff, and warnings.

The plan holds every byte that will be written, so nothing is written that was not shown. It is refused once a file has
changed since the plan was made.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from optimus_tui.actions.files.changes import FileChange, JournalEntry, apply_changes, plan_files
from optimus_tui.actions.files.git_state import git_warnings
from optimus_tui.actions.files.tree import Tree, WriteRefused
from optimus_tui.scaffold.fields import when
from optimus_tui.scaffold.lacking import what_lacks
from optimus_tui.scaffold.layout import remembered
from optimus_tui.scaffold.options.parents import parent_warning, with_parent
from optimus_tui.scaffold.registration import RegistrationError, lines_to_add, register
from optimus_tui.scaffold.render import Draft, DraftFile, render
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.scaffold.target import GATEWAY
from optimus_tui.settings.editing import with_value
from optimus_tui.settings.files import PROJECT_FILE, find_project_file
from optimus_tui.settings.table import SettingsError
from optimus_tui.wording.safe import safe_text

Neighbours = Callable[[Path, Draft], Sequence[str]]
"""Maps a source tree and a draft to sentences about what the draft would share with existing routers."""


class RouterPlan(Struct, frozen=True):
    """Everything that is changed when the router is written.

    Attributes:
        root: The project.
        draft: The router and its test.
        changes: One change for each file.
        replaced: Existing files that would be overwritten, without the one that registers routers.
        warnings: Sentences to read before it is confirmed.
    """

    root: Path
    draft: Draft
    changes: tuple[FileChange, ...]
    replaced: tuple[str, ...]
    warnings: tuple[str, ...]


def plan_router(
    root: Path, spec: RouterSpec, neighbours: Neighbours | None = None, named: Mapping[str, str] | None = None
) -> RouterPlan:
    """Read the project and return what writing this router, at the place that the spec names, would change.

    Args:
        root: The project.
        spec: The router, and its place in the project.
        neighbours: Returns what the draft has in common with existing routers; None to leave that out.
        named: The options that the user named, by their names in ``[generator]`` of the project's ``optimus.toml``,
            where they are remembered; None for none.

    Raises:
        WriteRefused: The router cannot be written.
    """
    spec = with_parent(root, spec)
    draft, target = render(spec), spec.target
    with Tree(root) as tree:
        if target == GATEWAY and not (tree.root / target.folder).is_dir():
            raise WriteRefused(f"{safe_text(str(tree.root), 160)} is not a gateway: it has no {target.folder}")
        if lacking := what_lacks(draft, tree.read):
            raise WriteRefused(lacking)
        app = tree.read(target.into)
        project = tree.root
        files = [(file.path, file.content.encode()) for file in draft.files]
        beside = [file for file in draft.beside if tree.read(file.path) is None]
        files += [(file.path, file.content.encode()) for file in beside]
        warnings = [*_storage_warnings(spec), *_helper_warnings(draft, beside), *git_warnings(project)]
        warnings += when(parent_warning(spec), parent_warning(spec))
        remembering = _remembering(tree, named or {}, warnings)
    if neighbours is not None:
        warnings = [*neighbours(project, draft), *warnings]
    try:
        if app is None:
            raise RegistrationError(f"there is no {target.into}")
        files.append((target.into, register(app.decode(), spec.name, target).encode()))
    except (RegistrationError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, RegistrationError) else f"{target.into} is not UTF-8"
        warnings.append(f"{reason}: register the router by hand: {'; '.join(lines_to_add(spec.name, target))}")
    changes = plan_files(project, [*files, *remembering])
    edited = (target.into, PROJECT_FILE)
    replaced = tuple(each.path for each in changes if each.before is not None and each.path not in edited)
    return RouterPlan(project, draft, changes, replaced, tuple(warnings))


def _remembering(tree: Tree, named: Mapping[str, str], warnings: list[str]) -> list[tuple[str, bytes]]:
    """Return ``optimus.toml`` with what was named for routers; nothing where it says so already, or cannot."""
    given = {key: value for key, value in named.items() if value}
    known = dict(zip(("package", "into"), remembered(tree.root), strict=True))
    if not given or given == {key: value for key, value in known.items() if value}:
        return []
    place = tree.root / PROJECT_FILE
    above = find_project_file(tree.root)
    lines = ", ".join(f'{key} = "{value}"' for key, value in given.items())
    if above is not None and above != place:
        warnings.append(f"to remember where routers belong, add [generator] {lines} to {safe_text(str(above), 160)}")
        return []
    try:
        text = (tree.read(PROJECT_FILE) or b"").decode()
        for key in ("package", "into"):
            text = with_value(text, ("generator", key), given.get(key))
    except (SettingsError, ValueError, WriteRefused) as error:
        warnings.append(
            f"{PROJECT_FILE} stays as it is ({safe_text(error, 160)}): where routers belong is not remembered"
        )
        return []
    return [(PROJECT_FILE, text.encode())]


def _storage_warnings(spec: RouterSpec) -> list[str]:
    """Return the warning that a store in memory is not for production, with what to use instead."""
    if spec.has_table or not spec.has_store:
        return []
    instead = (
        "the storage sqlalchemy keeps it in a table" if spec.type == "direct" else "put a database behind open_store"
    )
    return [f"kept in memory, not for production: each process has its own, gone at its end; {instead}"]


def _helper_warnings(draft: Draft, new: Sequence[DraftFile]) -> list[str]:
    """Return what has to be known of the helpers: that they are added."""
    target, sentences = draft.spec.target, list[str]()
    names = [file.path for file in new if file.path.startswith(f"{target.helper_folder}/")]
    if names and not target.is_gateway:
        used = [*when(draft.spec.rate_limiting, "limiter"), *when(draft.spec.caching, "cache"), "tenant check"]
        used += when(draft.spec.has_table, "transaction")
        sentences.append(
            f"{target.helper_folder}/ is added ({len(names)} files): this project does not have the {', '.join(used)} "
            "that the router uses"
        )
    return sentences


def write_router(plan: RouterPlan) -> JournalEntry:
    """Write exactly what the plan shows; if one file cannot be written, none is."""
    return apply_changes(plan.root, plan.changes, f"router {plan.draft.spec.name}")


def show_tree(plan: RouterPlan) -> list[str]:
    """Return one line for each file: its path, and whether it is new, changed or replaced."""
    return [f"{_word(plan, each):<9}{each.path}" for each in plan.changes]


def _word(plan: RouterPlan, change: FileChange) -> str:
    if change.before is None:
        return "new"
    if change.path in plan.replaced:
        return "replaced"
    return "changed"


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
