"""The user's own programs: copy text, also over SSH, and open a file in the editor at a line."""

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from optimus_tui.child_processes import child_environment
from optimus_tui.storage.private_file import put_in_place, state_dir
from optimus_tui.wording.safe import safe_text


def copy(app: App[int], text: str) -> str:
    """Put ``text`` where the operator can paste it. Return the words that say where it went."""
    app.copy_to_clipboard(text)
    if os.environ.get("TMUX") and (tmux := shutil.which("tmux")):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(  # noqa: S603 - tmux's own path and fixed words; the text goes to stdin
                [tmux, "load-buffer", "-w", "-"],
                input=text.encode("utf-8", "surrogateescape"),
                env=child_environment(),
                timeout=1,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return "to the tmux buffer and the terminal's clipboard"
    if os.environ.get("TERM", "dumb") in ("dumb", "linux"):
        return f"to {write_private('copied.txt', text)}: this terminal has no clipboard"
    return "to the terminal's clipboard (OSC 52)"


def write_export(pane: str, wall: float, lines: list[str]) -> Path:
    """Write what a pane shows to a file with the time in its name. Return its path."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall))
    return write_private(f"{pane}-{stamp}.txt", "\n".join(lines) + "\n")


def write_private(name: str, text: str) -> Path:
    """Write a file only its owner can read under the state directory; the path."""
    path = state_dir() / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    put_in_place(path, text.encode("utf-8", "backslashreplace"))
    return path


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
