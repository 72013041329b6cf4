"""Tell the sampling which keys of the cache pane are in view: details are read only for those."""

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget

from optimus_tui.tui.messages import InterestChanged

SETTLE_SECONDS = 0.15


class InterestWatch:
    """Posts which keys are in view, once scrolling has stopped."""

    def __init__(self, pane: Widget, keys_in_view: Callable[[], tuple[bytes, ...]]) -> None:
        """Post nothing yet.

        Args:
            pane: Who posts ``InterestChanged``.
            keys_in_view: Returns the names of the keys in view.
        """
        self.pane, self.keys_in_view = pane, keys_in_view
        self._posted: tuple[bytes, ...] = ()
        self._settling: Timer | None = None

    def look_soon(self) -> None:
        """Call ``look`` once nothing has moved for ``SETTLE_SECONDS``."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.pane.set_timer(SETTLE_SECONDS, self.look)

    def look(self) -> None:
        """Post the keys in view if they have changed."""
        keys = self.keys_in_view()
        if keys != self._posted:
            self._posted = keys
            self.pane.post_message(InterestChanged(keys))
