"""Ask before writing what a screen shows to a file, so that a key pressed by mistake makes none."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from textual.screen import Screen

from optimus_tui.tui import terminal
from optimus_tui.tui.dialogs.base import AskDialog
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text


class Export(NamedTuple):
    """A file to be written.

    Attributes:
        what: What is written, in words such as ``49 lines``.
        name: The beginning of the file's name; a time follows.
        ending: The end of the file's name, with its dot.
        wall: The time in the name, in seconds since the epoch.
        text: What the file holds.
    """

    what: str
    name: str
    ending: str
    wall: float
    text: str

    @classmethod
    def of_lines(cls, name: str, wall: float, lines: Sequence[str]) -> "Export":
        """Return lines as a text file of that name."""
        return cls(plural(len(lines), "line"), name, ".txt", wall, "\n".join(lines) + "\n")


def ask_to_write(
    open_screen: Callable[[Screen[Any], Callable[[Any], None]], object], say: Callable[..., None], export: Export
) -> None:
    """Ask whether to write a private file; after a yes write it and say where it is, or why that was not possible.

    Args:
        open_screen: Shows a dialog, and calls its second argument with the answer.
        say: Shows a toast: a sentence, its severity, and as ``path`` the file that it is about.
        export: What is to be written, as it was when the key was pressed.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(export.wall))
    name = f"{export.name}-{stamp}{export.ending}"

    def write(yes: object) -> None:
        if not yes:
            return
        try:
            path = terminal.write_private(name, export.text)
        except OSError as error:
            say(f"could not write the file: {error.strerror}", "error")
        else:
            say(f"{export.what} written to", path=path)

    place = safe_text(str(terminal.private_path(name)), 4_096)
    question = f"Write {export.what} to a file that only you can read?\n{place}"
    open_screen(AskDialog("Write to a file", question), write)
