"""A scrolling list drawn line by line, so that a hundred thousand rows cost only as much as the forty visible ones.

A canvas has the rows, the cursor and scrolling; its content makes the lines. A ``LineView`` is a canvas that is its own
content.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from optimus_tui.tui.theme import TEXT_STYLES, Piece, TextStyles, plain_text
from optimus_tui.tui.widgets.cells import Table
from optimus_tui.tui.widgets.line_painter import LinePainter, first_row
from optimus_tui.tui.widgets.row_marks import RowKey, RowMarks
from optimus_tui.tui.widgets.row_table import RowTable

MEASURED_ROWS = 200
"""Rows to which the columns are fitted, beside those that are drawn."""


class SingleLines:
    """The layout of rows that take one line each."""

    def __init__(self, canvas: "LineCanvas") -> None:
        self.canvas = canvas

    def height(self) -> int:
        """Return how many lines the view scrolls over, with head and foot."""
        return len(self.canvas.rows) + self.canvas.head_lines + self.canvas.foot_lines

    def visible(self) -> range:
        """Return the indexes of the rows in view."""
        first = min(first_row(self.canvas), len(self.canvas.rows))
        return range(first, min(len(self.canvas.rows), first + self.canvas.page_size))

    def first_to_show(self, last: int) -> int:
        """Return the first row to show so that row ``last`` is completely visible at the bottom."""
        return max(0, last - self.canvas.page_size + 1)

    def row_at(self, line: int) -> int | None:
        """Return the index of the row on a body line; None below the last row."""
        index = line + first_row(self.canvas)
        if 0 <= index < len(self.canvas.rows):
            return index
        return None

    def indexes(self, lines: int) -> Sequence[int]:
        """Return the indexes of the rows on the first body lines."""
        first = first_row(self.canvas)
        return range(first, max(first, min(len(self.canvas.rows), first + lines)))

    def draw(self, line: int, width: int) -> list[Piece]:
        """Return a body line with its row."""
        return self.canvas.content.row(line + first_row(self.canvas), width)


class WrappedLines:
    """The layout of rows that take several lines; the view scrolls by whole rows.

    Lines are laid out from the first row in view downwards, so that ten thousand events cost only as much as the
    visible ones. They are kept until rows, size or scroll position change.
    """

    def __init__(self, canvas: "LineCanvas") -> None:
        self.canvas = canvas
        self._laid_for: tuple[object, ...] = ()
        self._laid: Sequence[tuple[int, list[Piece]]] = ()

    def forget(self) -> None:
        """Lay out the lines again before they are drawn next."""
        self._laid_for = ()

    def height(self) -> int:
        """Return how many lines the view scrolls over, so that every row can become the first in view."""
        return len(self.canvas.rows) + self.canvas.head_lines + self.canvas.foot_lines + self.canvas.page_size - 1

    def visible(self) -> range:
        """Return the indexes of the rows in view."""
        laid = self._lines()
        if laid:
            return range(laid[0][0], laid[-1][0] + 1)
        return range(0)

    def first_to_show(self, last: int) -> int:
        """Return the first row to show so that row ``last`` is completely visible at the bottom."""
        room, width = self.canvas.page_size, self.canvas.row_marks.room(self.canvas.body_width)
        first = min(last + 1, len(self.canvas.rows))
        while first > 0:
            room -= len(self.canvas.content.row_lines(first - 1, width))
            if room < 0:
                break
            first -= 1
        return min(first, last)

    def row_at(self, line: int) -> int | None:
        """Return the index of the row on a body line; None below the last row."""
        laid = self._lines()
        if 0 <= line < len(laid):
            return laid[line][0]
        return None

    def indexes(self, lines: int) -> Sequence[int]:
        """Return the indexes of the rows on the first body lines; a wrapped row has several of them."""
        return [index for index, _ in self._lines()[:lines]]

    def draw(self, line: int, _width: int) -> list[Piece]:
        """Return a body line with its part of a row."""
        return self._lines()[line][1]

    def _lines(self) -> Sequence[tuple[int, list[Piece]]]:
        canvas = self.canvas
        width, first, height = canvas.row_marks.room(canvas.body_width), first_row(canvas), canvas.page_size
        wanted = (first, width, height, id(canvas.rows), len(canvas.rows), canvas.muted)
        if wanted != self._laid_for:
            laid: list[tuple[int, list[Piece]]] = []
            for index in range(first, len(canvas.rows)):
                laid += [(index, pieces) for pieces in canvas.content.row_lines(index, width)]
                if len(laid) >= height:
                    break
            self._laid_for, self._laid = wanted, laid[:height]
        return self._laid


class LineContent:
    """Makes the lines of a canvas: by default from the columns of ``table``, or from rows that are lists of pieces."""

    canvas: "LineCanvas"
    table: Table[Any] | None = None
    """Its measured columns are fitted to the rows."""
    fitted: RowTable[Any] | None = None

    def cells_of(self, index: int) -> Any:
        """Return the object that the columns draw one row from."""
        return self.canvas.rows[index]

    def fit_to(self, indexes: Iterable[int]) -> bool:
        """Fit the columns to these rows, too. Return True if they have changed."""
        if self.table is None:
            return False
        if self.fitted is None or self.fitted.declared is not self.table:
            self.fitted = RowTable(self.table)
        return self.fitted.measure(self.cells_of(index) for index in indexes)

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the fixed header line ``line``: the titles of the columns if there are rows."""
        if self.fitted and self.canvas.rows:
            return self.fitted.table.head(width)
        return []

    def foot(self, line: int, width: int) -> list[Piece]:
        """Return the fixed footer line ``line``."""
        return []

    def row(self, index: int, width: int) -> list[Piece]:
        """Return one row on one line."""
        if self.fit_to((index,)) and self.canvas.is_mounted:
            self.canvas.refresh()
        if self.fitted is None:
            return self.canvas.rows[index]  # type: ignore[no-any-return]
        return self.fitted.table.row(self.cells_of(index), width)

    def changing(self, index: int) -> object:
        """Return what time alone changes in a row; an equal result means that the row looks the same."""
        return object()

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        """Return the lines of one row where rows are wrapped, at least one."""
        return [self.row(index, width)]

    def plain(self, index: int, width: int = 200) -> str:
        """Return one row as text, for copies and exports."""
        return plain_text(self.row(index, width))

    def is_marked(self, index: int) -> bool:
        """Return True if this row is drawn on the cursor's background; an item of several rows marks them all."""
        return bool(index == self.canvas.cursor)

    def key_of(self, row: Any) -> Hashable:
        """Return what identifies a row across refreshes."""
        return row  # type: ignore[no-any-return]

    def index_of(self, key: Hashable) -> int | None:
        """Return the index of the row with this key; None if it is gone."""
        return next((i for i, row in enumerate(self.canvas.rows) if self.key_of(row) == key), None)

    def can_mark(self, row: Any) -> bool:
        """Return True if a row can be marked; titles, blank lines and further lines of an item cannot."""
        return True

    def view_follows(self) -> bool:
        """Return True if the view follows the cursor's row when new rows come."""
        return True

    def empty_lines(self) -> list[str]:
        """Return the lines to show if there are no rows: why, and what to do."""
        return []


def put_cursor(canvas: "LineCanvas", key: Hashable) -> bool:
    """Put the cursor on the row with this key, and keep it on that row. Return False if there is no such row."""
    at = canvas.content.index_of(key)
    if at is None:
        return False
    canvas.move_to(at)
    canvas.row_key.pin(canvas.rows[canvas.cursor])
    return True


def set_scroll_height(view: ScrollView, lines: int) -> None:
    """Set how far a view scrolls, without Textual's reactive, which would lay out the whole screen again."""
    size = Size(view.size.width, lines)
    if size != view.virtual_size:
        view.set_reactive(ScrollView.virtual_size, size)
        if view.is_mounted:
            view._scroll_update(size)


class LineCanvas(ScrollView, can_focus=True):
    """A list drawn line by line. ``head_lines`` stay at the top, ``foot_lines`` at the bottom."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"text--{style}" for style in TEXT_STYLES), "text--cursor"}

    cursor = reactive(0)
    head_lines = 1
    foot_lines = 0
    cursor_visible = True
    wrapped = False
    """Rows may take several lines: those of the content's ``row_lines``."""

    def __init__(self, content: LineContent, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.content = content
        self.rows: Sequence[Any] = ()
        self.muted = False
        self.text_styles = TextStyles(self)
        self._single_lines, self._wrapped_lines = SingleLines(self), WrappedLines(self)
        self.row_key = RowKey(content)
        self.row_marks, self.painter = RowMarks(content), LinePainter(self)

    # -- rows and cursor

    @property
    def flow(self) -> SingleLines | WrappedLines:
        """Return the layout of rows: one line each, or wrapped."""
        if self.wrapped and self.rows:
            return self._wrapped_lines
        return self._single_lines

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows; the cursor follows its row, or keeps its index if that row is gone."""
        followed = self.cursor in self.visible_range()
        self.rows = rows
        self.content.fit_to(range(min(MEASURED_ROWS, len(rows))))
        self.measure()
        if rows:
            self.set_reactive(LineCanvas.cursor, self.row_key.place(rows, self.cursor))
            if followed and self.content.view_follows():
                self._show_cursor()
        self.row_marks.stretch(self)
        self.refresh_changed()

    def measure(self) -> None:
        """Compute how far this view scrolls, after rows or their heights have changed."""
        self._wrapped_lines.forget()
        set_scroll_height(self, self.flow.height())

    @property
    def selected(self) -> Any | None:
        """Return the row under the cursor, or None without rows."""
        if 0 <= self.cursor < len(self.rows):
            return self.rows[self.cursor]
        return None

    @property
    def page_size(self) -> int:
        """Return how many body lines are in view."""
        return max(1, self.scrollable_content_region.height - self.head_lines - self.foot_lines)

    @property
    def body_width(self) -> int:
        """Return the width of a line in cells: without the scroll bar, and one blank before it, if there is one."""
        return max(0, self.scrollable_content_region.width - self.show_vertical_scrollbar)

    def visible_range(self) -> range:
        """Return the indexes of the rows in view."""
        return self.flow.visible()

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view, without animation.

        A cursor that was never moved stays at the first row, whichever that becomes.
        """
        if not self.rows:
            return
        index = max(0, min(len(self.rows) - 1, index))
        if index or self.cursor or self.row_key.key is not None:
            self.row_key.pin(self.rows[index])
        self.cursor = index
        self._show_cursor()

    def _show_cursor(self) -> None:
        top, first = first_row(self), self.flow.first_to_show(self.cursor)
        if self.cursor < top:
            self.jump_to(self.cursor)
        elif top < first:
            self.jump_to(first)

    def jump_to(self, row: int) -> None:
        """Scroll at once, so that ``row`` is the first in view."""
        self.scroll_to(y=row, animate=False, immediate=True, force=True)

    def watch_cursor(self) -> None:
        """Draw the row under the cursor, and the previous one."""
        self.row_marks.stretch(self)
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor by rows; if it was scrolled out of view, bring it back."""
        seen = self.visible_range()
        start = max(seen.start, min(seen.stop - 1, self.cursor)) if seen else self.cursor
        self.move_to(start + by if start == self.cursor else start)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self.move_to(self.cursor + by * self.page_size)

    def action_first(self) -> None:
        """Move to the top, and stay there whichever row comes first."""
        self.move_to(0)
        self.row_key.key = None

    def action_last(self) -> None:
        """Move to the last row."""
        self.move_to(len(self.rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor; does nothing in this class."""

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; open it if the cursor was there already."""
        click_row(self, event)

    def on_resize(self) -> None:
        """Measure for the new size."""
        self.painter.resized()

    # -- drawing

    def notify_style_update(self) -> None:
        """Use the styles of the new theme."""
        self.text_styles.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Return line ``y`` of the view as it is painted."""
        return self.painter.strip(y)

    def refresh_changed(self, *, by_time: bool = False) -> None:
        """Paint the lines that would look different now; ``by_time``: nothing but time has passed."""
        if regions := self.painter.changed(by_time=by_time):
            self.refresh(*regions)


def click_row(canvas: LineCanvas, event: events.Click) -> None:
    """Move the cursor to the clicked row; open it if the cursor was there already, or after a double click."""
    offset = event.get_content_offset(canvas)
    if offset is None or not canvas.head_lines <= offset.y < canvas.head_lines + canvas.page_size:
        return
    index = canvas.flow.row_at(offset.y - canvas.head_lines)
    if index is not None:
        again = index == canvas.cursor
        canvas.move_to(index)
        canvas.row_key.pin(canvas.rows[index])
        if again or event.chain > 1:
            canvas.action_open()


class LineView(LineCanvas, LineContent):
    """A canvas that draws its own rows."""

    moved: ClassVar[str] = ""
    opens: ClassVar[str] = ""
    """The screen's actions for another row under the cursor, and to open it: ``screen.describe``; empty for none."""

    def __init__(self, **kwargs: Any) -> None:
        self.canvas = self
        super().__init__(self, **kwargs)

    def watch_cursor(self) -> None:
        """Draw the rows concerned, and post that another row is under the cursor."""
        super().watch_cursor()
        if self.moved and self.is_mounted:
            self.call_later(self.app.run_action, self.moved, self)

    def action_open(self) -> None:
        """Ask the screen to open the row under the cursor."""
        if self.opens:
            self.call_later(self.app.run_action, self.opens, self)

    def start_at_top(self) -> None:
        """Move cursor and view to the top, before other rows are shown."""
        self.row_key.key = None
        self.cursor = 0
        self.jump_to(0)
