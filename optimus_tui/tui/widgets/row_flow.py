"""Where the rows of a line view stand on the screen: one line each, or several where long rows are wrapped.

A view scrolls by rows, whatever their height. Wrapped lines are laid out from the first row in view downwards, so that
ten thousand events cost what the visible ten cost: the height of the others is never asked for.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from textual.geometry import Offset

from optimus_tui.tui.theme import Piece


class RowsView(Protocol):
    """What the layout of rows needs to know about its view."""

    rows: Sequence[Any]
    muted: bool
    head_lines: int
    foot_lines: int

    @property
    def page_size(self) -> int:
        """Return how many body lines are in view."""

    @property
    def body_width(self) -> int:
        """Return the cells of a line beside the scroll bar."""

    @property
    def scroll_offset(self) -> Offset:
        """Return the first row in view, as ``y``."""

    @property
    def content(self) -> "RowLines":
        """Return what draws the rows."""


class RowLines(Protocol):
    """What draws rows."""

    def row(self, index: int, width: int) -> list[Piece]:
        """Return one row on one line."""

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        """Return one row on as many lines as it needs."""


class SingleLines:
    """Rows of one line."""

    def __init__(self, view: RowsView) -> None:
        self.view = view

    def height(self) -> int:
        """Return how many lines the view scrolls over, with head and foot."""
        return len(self.view.rows) + self.view.head_lines + self.view.foot_lines

    def visible(self) -> range:
        """Return the indexes of the rows in view."""
        first = min(int(self.view.scroll_offset.y), len(self.view.rows))
        return range(first, min(len(self.view.rows), first + self.view.page_size))

    def first_to_show(self, last: int) -> int:
        """Return the first row from which row ``last`` still stands whole at the bottom."""
        return max(0, last - self.view.page_size + 1)

    def row_at(self, line: int) -> int | None:
        """Return the index of the row on a body line; None below the last row."""
        index = line + int(self.view.scroll_offset.y)
        return index if 0 <= index < len(self.view.rows) else None

    def draw(self, line: int, width: int) -> list[Piece]:
        """Return a body line that holds a row."""
        return self.view.content.row(line + int(self.view.scroll_offset.y), width)


class WrappedLines:
    """Rows of several lines. The lines in view are kept until rows, size or scroll position change."""

    def __init__(self, view: RowsView) -> None:
        self.view = view
        self._laid_for: tuple[object, ...] = ()
        self._laid: Sequence[tuple[int, list[Piece]]] = ()

    def forget(self) -> None:
        """Lay the lines out again before they are drawn next."""
        self._laid_for = ()

    def height(self) -> int:
        """Return how many lines the view scrolls over: every row can become the first in view."""
        return len(self.view.rows) + self.view.head_lines + self.view.foot_lines + self.view.page_size - 1

    def visible(self) -> range:
        """Return the indexes of the rows in view."""
        laid = self._lines()
        return range(laid[0][0], laid[-1][0] + 1) if laid else range(0)

    def first_to_show(self, last: int) -> int:
        """Return the first row from which row ``last`` still stands whole at the bottom."""
        room, width = self.view.page_size, self.view.body_width
        first = min(last + 1, len(self.view.rows))
        while first > 0:
            room -= len(self.view.content.row_lines(first - 1, width))
            if room < 0:
                break
            first -= 1
        return min(first, last)

    def row_at(self, line: int) -> int | None:
        """Return the index of the row on a body line; None below the last row."""
        laid = self._lines()
        return laid[line][0] if 0 <= line < len(laid) else None

    def draw(self, line: int, _width: int) -> list[Piece]:
        """Return a body line that holds a part of a row."""
        return self._lines()[line][1]

    def _lines(self) -> Sequence[tuple[int, list[Piece]]]:
        view = self.view
        width, first, height = view.body_width, int(view.scroll_offset.y), view.page_size
        wanted = (first, width, height, id(view.rows), len(view.rows), view.muted)
        if wanted != self._laid_for:
            laid: list[tuple[int, list[Piece]]] = []
            for index in range(first, len(view.rows)):
                laid += [(index, pieces) for pieces in view.content.row_lines(index, width)]
                if len(laid) >= height:
                    break
            self._laid_for, self._laid = wanted, laid[:height]
        return self._laid
