"""Tables of a line view, declared column by column: title, width in cells, and what a row holds there.

    Column("took", "took", 7, cell=lambda line, _: (latency(line.took_ms), "quiet"), align="right")

The widths of all columns are given for one line width by ``fit_columns``; a cell is cut or padded to its column.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, TypeVar

from optimus_tui.tui.widgets.columns import Column, fit_cell, fit_columns
from optimus_tui.tui.widgets.inks import Piece

Row = TypeVar("Row")


class Table(Generic[Row]):
    """Columns of one kind of row, with ``gap`` blanks between them."""

    def __init__(self, *columns: Column[Row], gap: int = 1) -> None:
        self.columns, self.gap = columns, gap

    def without(self, *ids: str) -> "Table[Row]":
        """Return the same table without some columns."""
        return Table(*(column for column in self.columns if column.id not in ids), gap=self.gap)

    def fitted(self, width: int) -> Sequence[tuple[Column[Row], int]]:
        """Return the columns that show in ``width`` cells, each with its own width."""
        return fit_columns(self.columns, width, self.gap)

    def widths(self, width: int) -> dict[str, int]:
        """Return the cells of each column that shows in ``width`` cells, by its id."""
        return {column.id: cells for column, cells in self.fitted(width)}

    def column_at(self, x: int, width: int) -> str:
        """Return the id of the column whose title stands at cell ``x``; empty for none."""
        end = 0
        for column, cells in self.fitted(width):
            end += cells
            if x <= end:
                return column.id
            end += self.gap
        return ""

    def head(
        self, width: int, sorted_by: Collection[str] = (), titles: Mapping[str, str] = MappingProxyType({})
    ) -> list[Piece]:
        """Return the line of titles.

        Args:
            width: Cells of the line.
            sorted_by: Ids of the columns whose titles stand out.
            titles: Titles that differ from the declared ones, by the column's id.
        """
        pieces: list[Piece] = []
        for column, cells in self.fitted(width):
            ink = "head" if column.id in sorted_by else "quiet"
            title = titles.get(column.id, column.title)
            pieces += [(fit_cell(title, cells, column.align), ink), (" " * self.gap, "")]
        return pieces[:-1]

    def row(self, row: Row, width: int) -> list[Piece]:
        """Return one row as a line of at most ``width`` cells."""
        pieces: list[Piece] = []
        room = 0
        for column, cells in self.fitted(width):
            room += cells
            cell = column.cell(row, room)
            if cell is None:
                room += self.gap
                continue
            if isinstance(cell, list):
                pieces += cell
            else:
                pieces.append((fit_cell(cell[0], room, column.align), cell[1]))
            pieces.append((" " * self.gap, ""))
            room = 0
        return pieces[:-1]
