"""Draws the lines of a canvas, and finds the cells that would look different now."""

from typing import Any, NamedTuple

from textual.geometry import Region
from textual.strip import Strip

from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import wrap
from optimus_tui.tui.widgets.changes import changed_span
from optimus_tui.tui.widgets.row_marks import MARK, NO_MARK


def first_row(canvas: Any) -> int:
    """Return the index of the row at the top of a canvas."""
    top: int = round(canvas.scroll_y)
    return top


class LineRoom(NamedTuple):
    """What all lines of one look have in common: the cells of a line, those for marks, and the place of the foot."""

    width: int
    gutter: int
    foot: int


class LinePainter:
    """Draws the lines of a ``LineCanvas``, and remembers them in order to paint only those that changed."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas
        self._drawn: dict[int, tuple[list[Piece], bool]] = {}
        self._rows_before = 0
        self._empty: tuple[list[str], int] = [], 0
        self._empty_wrapped: list[str] = []

    def resized(self) -> None:
        """Measure for another size; a cursor that was in view stays in view."""
        canvas, before = self.canvas, self._rows_before
        self._rows_before = canvas.page_size
        canvas.measure()
        if 0 <= canvas.cursor - first_row(canvas) < before:
            canvas._show_cursor()

    def view(self) -> LineRoom:
        """Return what all lines have in common now."""
        canvas, (width, height) = self.canvas, self.canvas.scrollable_content_region.size
        return LineRoom(width, width - canvas.row_marks.room(width), height - canvas.foot_lines)

    def strip(self, y: int) -> Strip:
        """Return line ``y`` as it is painted."""
        canvas, view = self.canvas, self.view()
        pieces, marked = self._drawn[y] = self.line(y, view)
        drawn: Strip = canvas.text_styles.strip(pieces, view.width, marked, canvas.muted)
        return drawn

    def changed(self) -> list[Region]:
        """Return what would look different now: a second's tick changes a few cells of a few lines."""
        view = self.view()
        width, regions = view.width, []
        for y in range(view.foot + self.canvas.foot_lines):
            before, after = self._drawn.get(y), self.line(y, view)
            if before is None or before[1] != after[1]:
                regions.append(Region(0, y, width, 1))
            elif before[0] != after[0]:
                begin, cells = changed_span(before[0], after[0], width)
                regions.append(Region(begin, y, cells, 1))
        return regions

    def line(self, y: int, view: LineRoom) -> tuple[list[Piece], bool]:
        """Return the content of line ``y`` of the view, and whether the cursor is on it."""
        canvas, content, (width, gutter, foot) = self.canvas, self.canvas.content, view
        if y < canvas.head_lines:
            head = content.head(y, width - gutter)
            return ([(" " * gutter, ""), *head] if gutter else head), False
        if y >= foot:
            return content.foot(y - foot, width), False
        at = y - canvas.head_lines
        index = canvas.flow.row_at(at)
        if index is not None:
            marked = canvas.cursor_visible and canvas.has_focus and content.is_marked(index)
            pieces = canvas.flow.draw(at, width - gutter)
            if gutter:
                sign = MARK if canvas.row_marks.has(canvas.rows[index]) else NO_MARK
                pieces = [(sign, "accent"), *pieces]
            return pieces, marked
        lines = [] if canvas.rows else self._empty_lines(width - 2)
        return ([(" " + lines[at - 1], "quiet")] if 1 <= at <= len(lines) else []), False

    def _empty_lines(self, width: int) -> list[str]:
        """Return the lines of a canvas without rows, wrapped once for all of them."""
        wanted = self.canvas.content.empty_lines(), width
        if wanted != self._empty:
            self._empty, self._empty_wrapped = wanted, [part for line in wanted[0] for part in wrap(line, width)]
        return self._empty_wrapped
