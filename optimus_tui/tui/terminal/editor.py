"""Open a file in the user's editor at a line: ``$VISUAL``, ``$EDITOR``, else one that is installed. No shell."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from optimus_tui.child_processes import child_environment
from optimus_tui.wording.safe import safe_text

KNOWN = ("nano", "vim", "vi")
PLUS_LINE = frozenset(
    {"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "micro", "joe", "kak", "ne"}
)
COLON_LINE = frozenset({"hx", "helix", "subl", "zed"})
GOTO_LINE = frozenset({"code", "codium", "cursor"})


def command(path: Path, line: int, environment: Mapping[str, str]) -> list[str] | None:
    """Return the words that open ``path`` at ``line`` (from 1). None if there is no editor."""
    named = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        words = shlex.split(named)
    except ValueError:
        words = [named]
    if not words:
        found = next((which for name in KNOWN if (which := shutil.which(name))), None)
        if found is None:
            return None
        words = [found]
    program, place = Path(words[0]).name, str(path)
    if program in PLUS_LINE:
        return [*words, f"+{line}", place]
    if program in COLON_LINE:
        return [*words, f"{place}:{line}"]
    if program in GOTO_LINE:
        return [*words, "--goto", f"{place}:{line}"]
    return [*words, place]


def open_in_editor(app: App[Any], path: Path, line: int = 1) -> str:
    """Leave the terminal to the editor until it ends. Return a sentence if that was not possible, else nothing.

    Nothing is drawn and nothing is read meanwhile.
    """
    shown = safe_text(str(path), 200)
    if not path.is_file():
        return f"{shown} is no file that can be opened"
    words = command(path.absolute(), max(1, line), os.environ)
    if words is None:
        return "there is no editor: set EDITOR"
    try:
        with app.suspend():
            problem = _run(words)  # nothing may be raised in here: the terminal would not be taken back
    except SuspendNotSupported:
        return f"no editor can be opened in this terminal; the file is {shown}:{line}"
    return problem


def _run(words: list[str]) -> str:
    """Run the editor until it ends. Return a sentence if it did not start or ended with an error, else nothing."""
    try:
        code = subprocess.run(  # noqa: S603 - the user's own editor, no shell
            words, env=child_environment(), check=False
        ).returncode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is not valid"
        return f"{safe_text(words[0], 80)} cannot be started: {why}"
    if code:
        return f"{safe_text(words[0], 80)} ended with {code}"
    return ""
