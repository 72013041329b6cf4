"""A notification that is shown for at least a moment, so that no toast is given a timer that has already run out.

Textual gives a toast the time that its notification has left. Where that ends between the look whether it has expired
and the making of the toast, the timer gets an interval below zero and its loop never ends: the whole screen stands
still. It happens when a screen changes on a busy machine, or when the clock is set forward.
"""

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
