"""Draws the lines of a canvas, and finds the cells that would look different now."""

from collections.abc import Sequence
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


def wrapping_width(canvas: Any) -> int:
    """Return the cells of a line that a text is wrapped to, or less than 1 before the layout.

    It is the same with and without a scroll bar: whether there is one is known only after the text was wrapped.
    """
    cells: int = canvas.scrollable_content_region.width - 1
    return cells if canvas.show_vertical_scrollbar else cells - canvas.styles.scrollbar_size_vertical


class LineRoom(NamedTuple):
    """Sizes that all lines have in common: cells of a line, of its text and of its marks, and the foot's line."""

    width: int
    text: int
    gutter: int
    foot: int


class LinePainter:
    """Draws the lines of a ``LineCanvas``, and remembers them in order to paint only those that changed."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas
        self._drawn: dict[int, tuple[list[Piece], bool]] = {}
        self._moments: dict[int, object] = {}
        """The values that time alone changes, as each line was drawn for them."""
        self._rows: object = None
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
        text = canvas.body_width
        return LineRoom(width, text, text - canvas.row_marks.room(text), height - canvas.foot_lines)

    def strip(self, y: int) -> Strip:
        """Return line ``y`` as it is painted."""
        canvas, view = self.canvas, self.view()
        index = self._row_at(y, view)
        marked, alone = self._is_marked(index), self._alone(y, view, index)
        self._moments[y] = self._moment(index, marked, alone)
        pieces, _ = self._drawn[y] = self._pieces(y, view, index, alone), marked
        drawn: Strip = canvas.text_styles.strip(pieces, view.text, marked, canvas.muted)
        return drawn.adjust_cell_length(view.width, canvas.text_styles.style("", marked, canvas.muted))

    def changed(self, *, by_time: bool = False) -> list[Region]:
        """Return the regions that would look different now: a second's tick changes a few cells of a few lines.

        Args:
            by_time: Nothing but time has passed since the lines were drawn. A row that time does not change, as the
                content says, is not drawn for it.
        """
        canvas, view = self.canvas, self.view()
        by_time, self._rows = by_time and self._rows is canvas.rows, canvas.rows
        has_cursor, width, regions = canvas.cursor_visible and canvas.has_focus, view.width, []
        at_line = canvas.flow.indexes(view.foot - canvas.head_lines)
        empty = self._empty_lines(view.text - 2)
        for y in range(view.foot + canvas.foot_lines):
            at = y - canvas.head_lines
            index = at_line[at] if 0 <= at < len(at_line) else None
            marked = bool(has_cursor and index is not None and canvas.content.is_marked(index))
            alone = line_of(empty, at) if index is None and canvas.head_lines <= y < view.foot else None
            moment = self._moment(index, marked, alone)
            if by_time and moment == self._moments.get(y):
                continue
            self._moments[y] = moment
            before, pieces = self._drawn.get(y), self._pieces(y, view, index, alone)
            if before is None or before[1] != marked:
                regions.append(Region(0, y, width, 1))
            elif before[0] != pieces:
                begin, cells = changed_span(before[0], pieces, width)
                regions.append(Region(begin, y, cells, 1))
        return regions

    def line(self, y: int, view: LineRoom) -> tuple[list[Piece], bool]:
        """Return the content of line ``y`` of the view, and whether the cursor is on it."""
        index = self._row_at(y, view)
        return self._pieces(y, view, index, self._alone(y, view, index)), self._is_marked(index)

    def _row_at(self, y: int, view: LineRoom) -> int | None:
        """Return the index of the row on line ``y``; None for the head, the foot, and below the last row."""
        canvas = self.canvas
        if not canvas.head_lines <= y < view.foot:
            return None
        index: int | None = canvas.flow.row_at(y - canvas.head_lines)
        return index

    def _is_marked(self, index: int | None) -> bool:
        canvas = self.canvas
        if index is None or not (canvas.cursor_visible and canvas.has_focus):
            return False
        return bool(canvas.content.is_marked(index))

    def _alone(self, y: int, view: LineRoom, index: int | None) -> str | None:
        """Return what stands on line ``y`` where no row is, blank below the last one; None in head, foot and rows."""
        first = self.canvas.head_lines
        if index is not None or not first <= y < view.foot:
            return None
        return line_of(self._empty_lines(view.text - 2), y - first)

    def _moment(self, index: int | None, marked: bool, alone: str | None) -> object:
        """Return what of a line may change by time alone; equal answers mean that it looks the same."""
        if index is not None:
            return index, marked, self.canvas.content.changing(index)
        if alone is not None:
            return alone
        return object()

    def _pieces(self, y: int, view: LineRoom, index: int | None, alone: str | None) -> list[Piece]:
        """Return the content of line ``y``, which shows the row at ``index``, or words ``alone``."""
        canvas, content, (_, width, gutter, foot) = self.canvas, self.canvas.content, view
        pieces: list[Piece]
        if alone:
            return [(" " + alone, "quiet")]
        if alone == "":
            return []
        if y < canvas.head_lines:
            pieces = content.head(y, width - gutter)
            if gutter:
                return [(" " * gutter, ""), *pieces]
            return pieces
        if index is None:
            pieces = content.foot(y - foot, width)
            return pieces
        pieces = canvas.flow.draw(y - canvas.head_lines, width - gutter)
        if gutter:
            sign = MARK if canvas.row_marks.has(canvas.rows[index]) else NO_MARK
            pieces = [(sign, "accent"), *pieces]
        return pieces

    def _empty_lines(self, width: int) -> list[str]:
        """Return the lines of a canvas without rows, wrapped once while they are the same."""
        if self.canvas.rows:
            return []
        wanted = self.canvas.content.empty_lines(), width
        if wanted != self._empty:
            self._empty, self._empty_wrapped = wanted, [part for line in wanted[0] for part in wrap(line, width)]
        return self._empty_wrapped


def line_of(lines: Sequence[str], at: int) -> str:
    """Return what stands on a body line of a canvas without rows: a blank, then the lines."""
    if 1 <= at <= len(lines):
        return lines[at - 1]
    return ""
