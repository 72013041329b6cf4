"""Tables whose columns are as wide as their rows need."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Generic

from rich.cells import cell_len

from optimus_tui.clock import Clock
from optimus_tui.tui.widgets.cells import Column, Row, Table

HELD_SECONDS = 300.0
"""A column stays as wide as it was for so long after it last needed that, however often rows are measured."""
FILLED_SECONDS = HELD_SECONDS
"""A column counts as filled for so long after a row last held something in it: columns do not change places while
somebody reads them."""


class RowTable(Generic[Row]):
    """A table whose measured columns are as wide as the rows measured so far need.

    Widths grow at once and shrink late, so that no column moves back and forth with the rows in view, and a figure that
    was once long does not cut names for ever. ``forget`` starts again.
    """

    def __init__(self, declared: Table[Row], clock: Clock | None = None) -> None:
        """Measure nothing yet.

        Args:
            declared: The columns as they are declared.
            clock: Tells how long a width is held; None for the system's.
        """
        self.declared = self.table = declared
        self._clock = clock or Clock()
        self._needs: dict[str, int] = {}
        self._filled: set[str] = set()
        """Ids of the columns in which a row holds something."""
        self._needed_at: dict[str, float] = {}
        self._filled_at: dict[str, float] = {}
        """Monotonic seconds at which a column last needed its width, or held something."""
        self._last: tuple[dict[str, int], set[str]] | None = None
        """What the rows that were measured last need, and in which columns they hold something."""

    def forget(self) -> None:
        """Forget all measured widths."""
        self._needs, self._filled, self.table = {}, set(), self.declared
        self._needed_at, self._filled_at, self._last = {}, {}, None

    def measure(self, rows: Iterable[Row]) -> bool:
        """Widen the columns for these rows. Return True if the table has changed."""
        columns = [column for column in self.declared.columns if column.measured]
        now = {column.id: max(column.least, cell_len(column.title)) for column in columns}
        held: set[str] = set()
        for row in rows:
            for column in columns:
                cells, is_filled = _natural(column, row)
                now[column.id] = max(now[column.id], cells)
                if is_filled:
                    held.add(column.id)
        return self._fit(now, held)

    def measure_same(self) -> bool:
        """Fit the columns once more to the rows measured last, whose cells are the same. Return as ``measure`` does."""
        return self._last is not None and self._fit(*self._last)

    def _fit(self, now: dict[str, int], held: set[str]) -> bool:
        """Fit the columns to rows that need these cells and hold something in those columns."""
        mono, self._last = self._clock.mono(), (now, held)
        self._filled_at |= dict.fromkeys(held, mono)
        needs = {name: self._kept(name, cells, mono) for name, cells in now.items()}
        filled = {name for name, at in self._filled_at.items() if mono - at <= FILLED_SECONDS}
        if needs == self._needs and filled == self._filled:
            return False
        self._needs, self._filled = needs, filled
        self.table = Table(*(self._fitted_to(column) for column in self.declared.columns), gap=self.declared.gap)
        return True

    def _kept(self, name: str, cells: int, mono: float) -> int:
        """Return the width of a column that needs these cells now."""
        before = self._needs.get(name, 0)
        if cells < before and mono - self._needed_at[name] <= HELD_SECONDS:
            return before
        self._needed_at[name] = mono
        return cells

    def _fitted_to(self, column: Column[Row]) -> Column[Row]:
        need = self._needs.get(column.id)
        if need is None:
            return column
        fitted = replace(column, width=min(need, column.width), is_blank=column.id not in self._filled)
        if column.grow:
            return replace(fitted, enough=min(need, column.most))
        return fitted


def fitted_to(table: Table[Row], rows: Iterable[Row]) -> Table[Row]:
    """Return the table with its measured columns as wide as these rows need."""
    columns = RowTable(table)
    columns.measure(rows)
    return columns.table


def _natural(column: Column[Row], row: Row) -> tuple[int, bool]:
    """Return the cells of what a row holds in a column, 0 where it spans columns; and whether it holds anything."""
    room = column.most if column.grow else column.width
    cell = column.cell(row, room)
    if cell is None:
        return 0, False
    text = "".join(piece for piece, _ in cell) if isinstance(cell, list) else cell[0]
    if isinstance(cell, list) and not column.grow:
        return 0, text.strip() not in ("", *column.nothing)
    text = text.strip() if column.align == "right" else text.rstrip()
    return min(room, cell_len(text)), text not in ("", *column.nothing)
