"""How often the feed is painted, and how its view follows the newest event."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from textual.timer import Timer
from textual.widget import Widget

from optimus_tui.contract.keyspace import FeedItem
from optimus_tui.tui.panes.feed.store import index_of_seq
from optimus_tui.tui.widgets.line_view import LineCanvas

PAINT_SECONDS = 0.25
"""The least time between two paints of the feed. A change of the link's state does not wait for it."""


class PaintLimit:
    """Paints a widget at most once in ``PAINT_SECONDS``: a paint costs more than the events that it shows."""

    def __init__(self, widget: Widget, paint: Callable[[], None]) -> None:
        self.widget, self.paint = widget, paint
        self.seconds = PAINT_SECONDS
        self._resting: Timer | None = None
        self._behind = False

    def ask(self, urgent: bool) -> None:
        """Paint now if it is urgent or the last paint is long enough ago, else as soon as it is."""
        if self._resting is None or urgent:
            self._paint()
        else:
            self._behind = True

    def _paint(self) -> None:
        self._behind = False
        self.paint()
        if self._resting is None and self.seconds and self.widget.is_mounted:
            self._resting = self.widget.set_timer(self.seconds, self._rested)

    def _rested(self) -> None:
        self._resting = None
        if self._behind:
            self._paint()


class TailView:
    """Shows the newest rows of a canvas while it follows, else keeps exactly the rows that were in view."""

    def __init__(self, canvas: LineCanvas) -> None:
        self.canvas = canvas
        self.following = True
        self._is_placing = False

    def place(self, rows: Sequence[FeedItem]) -> None:
        """Show these rows.

        While the canvas has no width (hidden by the layout), nothing is in view; the next resize shows them.
        """
        canvas = self.canvas
        if canvas.body_width <= 0:
            canvas.rows = canvas.rows if rows else []
            return
        first = int(canvas.scroll_offset.y)
        anchor = canvas.rows[first].seq if first < len(canvas.rows) else 0
        under = canvas.rows[canvas.cursor].seq if canvas.cursor < len(canvas.rows) else 0
        last = max(0, len(rows) - 1)
        canvas.rows = rows
        with self.placing():
            canvas.measure()
            cursor, top = min(last, index_of_seq(rows, under)), index_of_seq(rows, anchor)
            if self.following:
                cursor, top = last, canvas.flow.first_to_show(last)
            canvas.set_reactive(LineCanvas.cursor, cursor)
            canvas.row_key.key = rows[cursor].seq if rows else None
            canvas.jump_to(top)
        if top == first:
            canvas.refresh_changed()

    @contextmanager
    def placing(self) -> Iterator[None]:
        """Within the block, scrolling does not count as the operator's."""
        self._is_placing = True
        try:
            yield
        finally:
            self._is_placing = False

    def after_move(self) -> None:
        """Follow if the cursor is on the newest row."""
        self.following = not self.canvas.rows or self.canvas.cursor >= len(self.canvas.rows) - 1

    def after_scroll(self, old: float, new: float) -> None:
        """Follow if the newest row was scrolled into view."""
        if self.canvas.rows and not self._is_placing and round(old) != round(new):
            seen = self.canvas.visible_range()
            self.following = bool(seen) and seen.stop >= len(self.canvas.rows)
