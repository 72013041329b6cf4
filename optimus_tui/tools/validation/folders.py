"""Which project a path belongs to, and the Python files below it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from optimus_tui.patterns.rule import Profile
from optimus_tui.patterns.signs import is_test
from optimus_tui.settings.validation import ValidationLevel
from optimus_tui.tools.router_files import SourceTree
from optimus_tui.tools.validation.projects import JudgedProject, choose, judge_project

_ROOT_MARKS = (
    "src/backend", ".git", "pyproject.toml", "optimus.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile",
)  # fmt: skip


def root_of(place: Path) -> Path:
    """Return the project of a path: the nearest folder above that looks like one, else the folder of its package."""
    if place.is_dir():
        start = place
    else:
        start = place.parent
    for mark in _ROOT_MARKS:
        for folder in (start, *start.parents):
            if (folder / mark).exists():
                return folder
    return next((one for one in (start, *start.parents) if not (one / "__init__.py").exists()), start)


class ProjectFiles(NamedTuple):
    """Python files of a project, relative to its folder; ``tests`` is the number of test files that were left out."""

    paths: list[str]
    tests: int


def files_by_project(places: Sequence[Path]) -> dict[Path, ProjectFiles]:
    """Return the Python files at or below the absolute paths, by the folders of their projects.

    Test files are left out, unless they or a folder of tests are named.
    """
    groups: dict[Path, dict[str, bool]] = {}
    for place in places:
        root = root_of(place)
        if place.is_dir():
            near = place.relative_to(root).as_posix()
            asked = is_test(f"{near}/")
            files = {path: asked or not is_test(path) for path in SourceTree(root).below(near)}
        else:
            files = {place.relative_to(root).as_posix(): True}
        known = groups.setdefault(root, {})
        for path, wanted in files.items():
            known[path] = wanted or known.get(path, False)
    return {root: _wanted(files) for root, files in groups.items()}


def _wanted(files: dict[str, bool]) -> ProjectFiles:
    paths = [path for path, wanted in files.items() if wanted]
    return ProjectFiles(paths, len(files) - len(paths))


def judge_folders(
    places: Sequence[Path],
    level: ValidationLevel | None = None,
    profile: Profile | None = None,
    config: Path | None = None,
    *,
    use_cache: bool = True,
    seconds: float | None = None,
) -> list[JudgedProject]:
    """Judge the files at or below absolute paths; ``choose`` and ``judge_project`` explain the options.

    Raises:
        SettingsError: an ``optimus.toml`` is wrong.
    """
    judged = []
    for root, files in files_by_project(places).items():
        choice = choose(Path(os.path.realpath(root)), level, profile, config)
        project = judge_project(choice, files.paths, use_cache=use_cache, seconds=seconds)
        judged.append(project._replace(tests=files.tests))
    return judged
