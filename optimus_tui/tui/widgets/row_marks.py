"""The rows marked in order to act on several at once, and the row under the cursor.

Both are identified by the rows' keys, so they follow their rows when these are refreshed.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

MARK, NO_MARK = "◆ ", "  "
"""What stands before a row once any row is marked: a sign, because colour alone would not be seen everywhere."""
MOST = 10_000
"""Rows that can be marked: an action takes no more keys by default."""


class MarkedList(Protocol):
    """A list whose rows can be marked."""

    rows: Sequence[Any]
    cursor: int

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""

    def measure(self) -> None:
        """Compute how far the list scrolls, after a change of its rows or of the room for marks."""


class RowKeys(Protocol):
    """The identities of rows, which stay the same when rows are refreshed."""

    def key_of(self, row: Any) -> Hashable:
        """Return what identifies a row."""

    def index_of(self, key: Hashable) -> int | None:
        """Return the index of the row with this key; None if it is gone."""

    def can_mark(self, row: Any) -> bool:
        """Return False for titles, blank lines and further lines of an item."""


class RowKey:
    """Remembers which row the cursor is on, so that it stays there when other rows are shown."""

    def __init__(self, content: RowKeys) -> None:
        self.content = content
        self.key: Hashable | None = None
        """None: the cursor is on the first place, whichever row comes to stand there."""

    def pin(self, row: Any) -> None:
        """Keep the cursor on this row."""
        self.key = self.content.key_of(row)

    def place(self, rows: Sequence[Any], cursor: int) -> int:
        """Return the cursor's index in new rows: that of its row, or the old index if the row is gone."""
        at = min(cursor, len(rows) - 1)
        if self.key is not None and self.content.key_of(rows[at]) != self.key:
            found = self.content.index_of(self.key)
            at = at if found is None else found
        if self.key is None or self.content.key_of(rows[at]) != self.key:
            self.key = self.content.key_of(rows[at]) if at else None
        return at


class RowMarks:
    """The marked rows of one list: those marked singly, and an open range that follows the cursor."""

    def __init__(self, content: RowKeys) -> None:
        self._content = content
        self._single: set[Hashable] = set()
        self._ranged: set[Hashable] = set()
        self._anchor: Hashable | None = None

    def __bool__(self) -> bool:
        return bool(self._single or self._ranged)

    @property
    def keys(self) -> set[Hashable]:
        """Return the keys of all marked rows, whether they are shown now or not."""
        return self._single | self._ranged

    def has(self, row: Any) -> bool:
        """Return True if a row is marked."""
        key = self._content.key_of(row)
        return key in self._single or key in self._ranged

    def toggle(self, row: Any) -> bool:
        """Mark or unmark a row. Return False if there are too many marks already."""
        key = self._content.key_of(row)
        if key in self._single:
            self._single.discard(key)
        elif len(self._single) >= MOST:
            return False
        else:
            self._single.add(key)
        return True

    def can_take(self, row: Any) -> bool:
        """Return True if a row can be marked, in order to act on it with others, or to pin it."""
        return self._content.can_mark(row)

    def begin_or_end(self, canvas: MarkedList) -> None:
        """Begin a range at the cursor, or end the open one, whose rows stay marked."""
        if self._anchor is None:
            self._anchor = self._content.key_of(canvas.rows[canvas.cursor])
            self.stretch(canvas)
        else:
            self._end_range()

    def _end_range(self) -> None:
        """Keep the rows of the open range marked; the cursor changes them no more."""
        self._single |= self._ranged
        self._ranged, self._anchor = set(), None

    def stretch(self, canvas: MarkedList) -> None:
        """Extend an open range from its first row to the cursor; if its first row is gone, end it."""
        if self._anchor is None:
            return
        start = self._content.index_of(self._anchor)
        if start is None:
            self._end_range()
            return
        low, high = sorted((start, canvas.cursor))
        rows = (canvas.rows[index] for index in range(low, min(high + 1, low + MOST, len(canvas.rows))))
        self._ranged = {self._content.key_of(row) for row in rows if self._content.can_mark(row)}

    def clear(self) -> bool:
        """Remove all marks. Return True if there were any."""
        any_there = bool(self) or self._anchor is not None
        self._single, self._ranged, self._anchor = set(), set(), None
        return any_there

    def places(self) -> list[int]:
        """Return the indexes of the marked rows in ascending order, without those that are filtered out or gone."""
        found = (self._content.index_of(key) for key in self.keys)
        return sorted(place for place in found if place is not None)

    def room(self, width: int) -> int:
        """Return the width of a row in cells: once rows are marked, a sign before each takes some."""
        return width - len(MARK) * bool(self)


class MarkedWidget(MarkedList, Protocol):
    """A list of rows that can also show toasts and draw itself."""

    @property
    def notify(self) -> Any:
        """Return the method that shows a toast."""

    @property
    def refresh(self) -> Any:
        """Return the method that paints the list."""

    @property
    def draw_frame(self) -> Any:
        """Return the method that draws the words of its frame."""


def mark_rows(pane: MarkedWidget, marks: RowMarks, whole_range: bool) -> None:
    """Mark the row under a pane's cursor and move to the next, or begin or end a range there.

    Args:
        pane: The list.
        marks: Its marks.
        whole_range: Begin a range, or end the one that is open.
    """
    if not pane.rows:
        pane.notify("nothing to mark here: the list is empty", markup=False)
        return
    if not marks.can_take(pane.rows[pane.cursor]):
        pane.notify("this line takes no mark: it can be neither acted on nor pinned", markup=False)
        return
    if whole_range:
        marks.begin_or_end(pane)
    elif marks.toggle(pane.rows[pane.cursor]):
        pane.action_move(1)
    else:
        pane.notify(f"no more than {MOST:,} rows can be marked", severity="warning", markup=False)
    redraw(pane)


def clear_marks(pane: MarkedWidget, marks: RowMarks) -> bool:
    """Remove all marks of a pane. Return True if there were any."""
    cleared = marks.clear()
    if cleared:
        redraw(pane)
    return cleared


def redraw(pane: MarkedWidget) -> None:
    """Draw rows and frame again, with or without the signs."""
    pane.measure()
    pane.refresh()
    pane.draw_frame()
