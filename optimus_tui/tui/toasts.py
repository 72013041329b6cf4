"""A notification that is shown for at least a moment, so that no toast is given a timer that has already run out.

Textual gives a toast the time that its notification has left. Where that ends between the look whether it has expired
and the making of the toast, the timer gets an interval below zero and its loop never ends: the whole screen stands
still. It happens when a screen changes on a busy machine, or when the clock is set forward.
"""

import re

from rich.cells import cell_len
from textual.notifications import Notification

from optimus_tui.wording.safe import safe_text

LONGEST, LONGEST_PATH = 400, 4_096
"""Characters of a sentence and of a path: one that is cut leads nowhere."""
PATH_SECONDS = 10
"""A toast with a path stands so long: it is to be read, or taken with the mouse."""
LEAST_SECONDS = 0.05
"""A toast stands at least so long."""


class LastingNotification(Notification):
    """A notification whose time left lies between ``LEAST_SECONDS`` and its timeout, whatever the clock does."""

    @property
    def time_left(self) -> float:
        """Return the seconds until it ends, for the timer of its toast."""
        return max(LEAST_SECONDS, min(super().time_left, self.timeout))

    @property
    def has_expired(self) -> bool:
        """Return True if its time is over, by the wall clock."""
        return super().time_left <= 0


def toast_text(sentence: str, path: object, screen_width: int) -> str:
    """Return a sentence as safe text, with the ``path`` that it is about on lines of its own."""
    text = safe_text(sentence, LONGEST)
    if path:
        text += f"\n{path_lines(safe_text(str(path), LONGEST_PATH), screen_width)}"
    return text


def path_lines(path: str, screen_width: int) -> str:
    """Return a path in lines that a toast on this screen can hold, broken after slashes."""
    room = min(60, screen_width // 2) - 3
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+$", path):
        if lines[-1] and cell_len(lines[-1] + part) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
