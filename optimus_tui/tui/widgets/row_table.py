"""Tables whose columns are as wide as their rows need."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Generic

from rich.cells import cell_len

from optimus_tui.clock import Clock
from optimus_tui.tui.widgets.cells import Column, Row, Table

HELD_SECONDS = 300.0
"""A column stays as wide as it was for so long after it last needed that, however often rows are measured."""


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
        self._needed_at: dict[str, float] = {}
        """Monotonic seconds at which a column last needed its width."""
        self._last: dict[str, int] | None = None
        """What the rows that were measured last need."""

    def forget(self) -> None:
        """Forget all measured widths."""
        self._needs, self._needed_at, self._last, self.table = {}, {}, None, self.declared

    def measure(self, rows: Iterable[Row]) -> bool:
        """Widen the columns for these rows. Return True if the table has changed."""
        columns = [column for column in self.declared.columns if column.measured]
        now = {column.id: max(column.least, cell_len(column.title)) for column in columns}
        for row in rows:
            for column in columns:
                now[column.id] = max(now[column.id], _natural(column, row))
        return self._fit(now)

    def measure_same(self) -> bool:
        """Fit the columns once more to the rows measured last, whose cells are the same. Return as ``measure`` does."""
        return self._last is not None and self._fit(self._last)

    def _fit(self, now: dict[str, int]) -> bool:
        """Fit the columns to rows that need these cells."""
        mono, self._last = self._clock.mono(), now
        needs = {name: self._kept(name, cells, mono) for name, cells in now.items()}
        if needs == self._needs:
            return False
        self._needs = needs
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
        fitted = replace(column, width=min(need, column.width))
        if column.grow:
            return replace(fitted, enough=min(need, column.most))
        return fitted


def fitted_to(table: Table[Row], rows: Iterable[Row]) -> Table[Row]:
    """Return the table with its measured columns as wide as these rows need."""
    columns = RowTable(table)
    columns.measure(rows)
    return columns.table


def _natural(column: Column[Row], row: Row) -> int:
    """Return the cells of what a row holds in a column, 0 where it spans columns or fills its own."""
    room = column.most if column.grow else column.width
    cell = column.cell(row, room)
    if cell is None or (isinstance(cell, list) and not column.grow):
        return 0
    text = "".join(piece for piece, _ in cell) if isinstance(cell, list) else cell[0]
    text = text.strip() if column.align == "right" else text.rstrip()
    return min(room, cell_len(text))
