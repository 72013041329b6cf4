"""Copies text, also over SSH: to tmux's buffer, to the terminal's clipboard (OSC 52), else to a file."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from textual.app import App

from optimus_tui.child_processes import child_environment
from optimus_tui.storage.private_file import put_in_place
from optimus_tui.storage.user import state_dir


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
