"""Rows that were marked to act on several at once. Marks belong to keys, so they follow their rows over refreshes."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimus_tui.tui.widgets.line_view import LineContent

MARK, NO_MARK = "◆ ", "  "
"""What stands before a row once any row is marked: a sign, because colour alone would not be seen everywhere."""
MOST = 10_000
"""Rows that can be marked: an action takes no more keys by default."""


class RowMarks:
    """The marked rows of one list: those marked one by one, and a range that still follows the cursor."""

    def __init__(self, content: "LineContent") -> None:
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

    @property
    def follows(self) -> bool:
        """Return True while a range is open: moving the cursor changes it."""
        return self._anchor is not None

    def has(self, row: Any) -> bool:
        """Return True if a row is marked."""
        key = self._content.key_of(row)
        return key in self._single or key in self._ranged

    def toggle(self, row: Any) -> bool:
        """Mark a row, or take its mark away. Return False if there are too many marks already."""
        key = self._content.key_of(row)
        if key in self._single:
            self._single.discard(key)
        elif len(self._single) >= MOST:
            return False
        else:
            self._single.add(key)
        return True

    def begin_or_end(self, row: Any) -> None:
        """Begin a range at a row; an open range ends, and its rows stay marked."""
        if self._anchor is None:
            self._anchor = self._content.key_of(row)
            self.stretch()
        else:
            self._single |= self._ranged
            self._ranged, self._anchor = set(), None

    def stretch(self) -> None:
        """Let an open range reach from its first row to the cursor; it ends where its first row is gone."""
        if self._anchor is None:
            return
        canvas, start = self._content.canvas, self._content.index_of(self._anchor)
        if start is None:
            self._single |= self._ranged
            self._ranged, self._anchor = set(), None
            return
        low, high = sorted((start, canvas.cursor))
        rows = (canvas.rows[index] for index in range(low, min(high + 1, low + MOST, len(canvas.rows))))
        self._ranged = {self._content.key_of(row) for row in rows}

    def clear(self) -> bool:
        """Take all marks away. Return True if there were any."""
        any_there = bool(self) or self._anchor is not None
        self._single, self._ranged, self._anchor = set(), set(), None
        return any_there

    def places(self) -> list[int]:
        """Return where the marked rows stand now, from the top, without those that are filtered out or gone."""
        found = (self._content.index_of(key) for key in self.keys)
        return sorted(place for place in found if place is not None)
