"""Toasts, one at a time, and the messages of this session, where they can be read again."""

import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from textual.notifications import Notification, Notifications, SeverityLevel

MOST_KEPT = 200
"""Messages that ``:messages`` shows."""
RANKS: dict[SeverityLevel, int] = {"error": 1, "warning": 0, "information": 0}
"""Errors stay on top. Of the others the newest is shown: the answer to a key must not wait behind an alert."""


LEAST_TOAST_SECONDS = 0.05
"""A toast stands at least so long."""


class LastingNotification(Notification):
    """A notification whose time left lies between ``LEAST_TOAST_SECONDS`` and its timeout, whatever the clock does.

    Textual gives a toast the time that its notification has left. If that time runs out while the toast is made
    (a screen changes on a busy machine, or the clock is set forward), the timer gets an interval below zero, its loop
    never ends, and the whole screen stands still.
    """

    whole = ""
    """The whole sentence, where the toast shows only its beginning."""

    @property
    def time_left(self) -> float:
        """Return the seconds until it ends, for the timer of its toast."""
        return max(LEAST_TOAST_SECONDS, min(super().time_left, self.timeout))

    @property
    def has_expired(self) -> bool:
        """Return True if its time is over, by the wall clock."""
        return super().time_left <= 0


class Said(NamedTuple):
    """A message that was shown: when, how severe, and its text, which is safe."""

    wall: float
    severity: SeverityLevel
    text: str


class ToastQueue:
    """Chooses the toast that is shown: an error, else the newest; it counts the others."""

    def __init__(self) -> None:
        self.said: deque[Said] = deque(maxlen=MOST_KEPT)
        """The messages of this session, the oldest first."""
        self._shown: Notification | None = None
        self._of: Notification | None = None
        """Which message is shown."""

    def keep(self, notification: Notification) -> None:
        """Keep a message for ``:messages``."""
        whole = notification.whole if isinstance(notification, LastingNotification) else ""
        text = whole or f"{notification.title} {notification.message}".strip()
        self.said.append(Said(notification.raised_at, notification.severity, text))

    def choose(self, waiting: Iterable[Notification]) -> Notifications:
        """Return the one toast to show, with a count of the others; none if nothing waits."""
        chosen = Notifications()
        ranked = sorted(enumerate(waiting), key=lambda item: (RANKS[item[1].severity], item[0]), reverse=True)
        if not ranked:
            self._shown = self._of = None
            return chosen
        top, others = ranked[0][1], len(ranked) - 1
        text = top.message
        if others:
            text += f"\n+{others:,} more · :messages shows all"
        if self._of is not top or self._shown is None or self._shown.message != text:
            left = max(0.0, top.raised_at + top.timeout - time.time())
            self._shown = LastingNotification(text, top.title, top.severity, left, markup=top.markup)
            self._of = top
        return chosen.add(self._shown)

    def source_of(self, toast: Notification) -> Notification:
        """Return the message that a toast shows."""
        return self._of if toast is self._shown and self._of is not None else toast
