"""What a person should know about the git repository before files are written. It reads; it never adds nor commits.

A repository's own settings can name programs to run: none of them is.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from optimus_tui.wording.safe import safe_text

SECONDS = 5.0
SHOWN = 10


def git_warnings(root: Path) -> tuple[str, ...]:
    """One sentence a concern; none where the tree is clean and on a branch."""
    if shutil.which("git") is None:
        return ("git is not installed: whether there are unsaved changes is not known",)
    inside = _git(root, "rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--git-dir", "--git-common-dir")
    if inside is None:
        return (f"{root} is in no git repository: only undo can take this back",)
    words = inside.splitlines()
    said: list[str] = []
    if words[:1] == ["true"] or words[1:2] != ["true"]:
        return (f"{root} is in a bare repository or beside its work tree: git cannot show what is written",)
    if len(words) > 3 and (root / words[2]).resolve() != (root / words[3]).resolve():
        said.append(f"{root} is a linked work tree of another repository")
    if _git(root, "rev-parse", "--show-superproject-working-tree"):
        said.append(f"{root} is a submodule: the repository around it will show it as changed")
    if _git(root, "symbolic-ref", "-q", "HEAD") is None:
        said.append("HEAD is detached: a commit made here belongs to no branch")
    return (*said, *_dirty(root))


def _dirty(root: Path) -> list[str]:
    listed = _git(
        root, "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--", "."
    )
    if listed is None:
        return ["git cannot say whether there are unsaved changes"]
    names = [one[3:] for one in listed.split("\0") if len(one) > 3 and one[2] == " "]
    if not names:
        return []
    shown = ", ".join(safe_text(name, 80) for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"there are changes that are not committed: {shown}{more}"]


def _git(root: Path, *words: str) -> str | None:
    """What git says; None where it fails or is slow."""
    safe: Sequence[str] = (
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.untrackedCache=false",
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(root), *safe, *words],  # noqa: S607
            env=environment | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            capture_output=True,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.decode("utf-8", "surrogateescape").strip("\n") if done.returncode == 0 else None
