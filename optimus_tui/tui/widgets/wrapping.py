"""Rows of several lines in a view made for rows of one: only what stands on the screen is ever wrapped.

The view scrolls by rows, whatever their height; the lines on the screen are laid out from the first row in view
downwards. So ten thousand events cost what the visible ten cost, and nobody needs to know the height of the others.
"""

from collections.abc import Sequence

from textual import events

from optimus_tui.tui.widgets.line_view import LineView, Piece


class WrappingView(LineView):
    """A line view whose rows may take several lines while ``wrapped`` is set."""

    wrapped = False

    _laid_for: tuple[object, ...] = ()
    _laid: Sequence[tuple[int, list[Piece]]] = ()

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        """The lines of one row, at least one."""
        raise NotImplementedError

    def _layout_rows(self) -> Sequence[tuple[int, list[Piece]]]:
        """Row and pieces of each line in view."""
        width, first, height = self.scrollable_content_region.width, int(self.scroll_offset.y), self.page_size
        wanted = (first, width, height, id(self.rows), len(self.rows), self.muted)
        if wanted != self._laid_for:
            laid: list[tuple[int, list[Piece]]] = []
            for index in range(first, len(self.rows)):
                laid += [(index, pieces) for pieces in self.row_lines(index, width)]
                if len(laid) >= height:
                    break
            self._laid_for, self._laid = wanted, laid[:height]
        return self._laid

    def first_to_show(self, last: int) -> int:
        """The first row from which ``last`` still stands whole at the bottom."""
        room, width = self.page_size, self.scrollable_content_region.width
        first = min(last + 1, len(self.rows))
        while first > 0:
            room -= len(self.row_lines(first - 1, width)) if self.wrapped else 1
            if room < 0:
                break
            first -= 1
        return min(first, last)

    def visible_range(self) -> range:
        if not self.wrapped:
            return super().visible_range()
        laid = self._layout_rows()
        return range(laid[0][0], laid[-1][0] + 1) if laid else range(0)

    def _measure(self) -> None:
        if self.wrapped and self.rows:
            self._set_height(len(self.rows) + self.head_lines + self.foot_lines + self.page_size - 1)
        else:
            super()._measure()

    def _show_cursor(self) -> None:
        if not self.wrapped:
            super()._show_cursor()
            return
        first = self.first_to_show(self.cursor)
        if not first <= int(self.scroll_offset.y) <= self.cursor:
            to = self.cursor if self.cursor < int(self.scroll_offset.y) else first
            self.scroll_to(y=to, animate=False, immediate=True, force=True)

    def body_line(self, at: int, width: int) -> tuple[list[Piece], bool]:
        if not self.wrapped or not self.rows:
            return super().body_line(at, width)
        laid = self._layout_rows()
        if at >= len(laid):
            return [], False
        index, pieces = laid[at]
        return pieces, self.cursor_visible and self.has_focus and self.is_marked(index)

    def on_click(self, event: events.Click) -> None:
        if not self.wrapped:
            return
        event.prevent_default()
        offset = event.get_content_offset(self)
        laid = self._layout_rows()
        if offset is None or not 0 <= offset.y - self.head_lines < len(laid):
            return
        index = laid[offset.y - self.head_lines][0]
        again = index == self.cursor
        self.move_to(index)
        if again or event.chain > 1:
            self.action_open()
