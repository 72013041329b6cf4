"""Copying that also works over SSH: tmux's buffer, the terminal's clipboard (OSC 52), else a file. Says which."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from platformdirs import user_state_path
from textual.app import App

from optimus_tui.child_processes import child_environment


def copy(app: App[int], text: str) -> str:
    """Put ``text`` where the operator can paste it; returns the words that say where it went."""
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
    """Write what a pane shows, under a name with the time; the path."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall))
    return write_private(f"{pane}-{stamp}.txt", "\n".join(lines) + "\n")


def write_private(name: str, text: str) -> Path:
    """Write a file only its owner can read under the state directory; the path."""
    folder = user_state_path("optimus-tui", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path
