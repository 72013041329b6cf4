"""A notification that is shown for at least a moment, so that no toast is given a timer that has already run out.

Textual gives a toast the time that its notification has left. Where that ends between the look whether it has expired
and the making of the toast, the timer gets an interval below zero and its loop never ends: the whole screen stands
still. It happens when a screen changes on a busy machine, or when the clock is set forward.
"""

import re

from rich.cells import cell_len
from textual.notifications import Notification

LEAST_SECONDS = 0.05
"""A toast stands at least so long."""


class LastingNotification(Notification):
    """A notification whose time left lies between ``LEAST_SECONDS`` and its timeout, whatever the clock does."""

    @property
    def time_left(self) -> float:
        """Seconds until it ends, for the timer of its toast."""
        return max(LEAST_SECONDS, min(super().time_left, self.timeout))

    @property
    def has_expired(self) -> bool:
        """Whether its time is over, by the wall clock."""
        return super().time_left <= 0


def path_lines(path: str, screen_width: int) -> str:
    """A path in lines that a toast on this screen holds: broken after a slash, so that every name stays whole."""
    room = min(60, screen_width // 2) - 3
    lines = [""]
    for part in re.findall(r"[^/]*/|[^/]+$", path):
        if lines[-1] and cell_len(lines[-1] + part) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
