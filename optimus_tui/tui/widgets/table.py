"""Tables of text measured in terminal cells.

Columns are declared once, and each cell is cut or padded to its width.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

from rich.cells import cell_len, set_cell_size

from optimus_tui.tui.theme import Piece

Align = Literal["left", "right"]
Row = TypeVar("Row")
Cell = tuple[str, str] | list[tuple[str, str]] | None
"""Safe text with its ink, to be fitted; or pieces that fill the column; or None: the next column has this one's room
too."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table.

    Attributes:
        id: Its name in code.
        title: What stands above it.
        width: The least number of cells.
        cell: Returns what a row holds here, in so many cells.
        align: The end at which text stands.
        grow: Its share of the cells that are left.
        most: The greatest number of cells.
        hide_below: It goes away when the whole line is narrower than this; 0 for a column that always stays.
    """

    id: str
    title: str
    width: int
    cell: Callable[[Row, int], Cell]
    align: Align = "left"
    grow: int = 0
    most: int = 1000
    hide_below: int = 0


def fit_columns(columns: Sequence[Column[Row]], width: int, gap: int = 1) -> list[tuple[Column[Row], int]]:
    """Return the columns that show at this line width, each with its width in cells, ``gap`` blanks between them."""
    shown = [c for c in columns if not c.hide_below or width >= c.hide_below]
    spare = width - sum(c.width for c in shown) - gap * (len(shown) - 1)
    widths = {c.id: c.width for c in shown}
    growing = [c for c in shown if c.grow]
    while spare > 0 and growing:
        share = max(1, spare // sum(c.grow for c in growing))
        for column in list(growing):
            more = min(share * column.grow, column.most - widths[column.id], spare)
            widths[column.id] += more
            spare -= more
            if widths[column.id] >= column.most:
                growing.remove(column)
            if spare <= 0:
                break
    return [(c, widths[c.id]) for c in shown]


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    return cell_len(text)


def fit_cell(text: str, width: int, align: Align = "left") -> str:
    """Return safe text in exactly ``width`` cells; what does not fit ends in an ellipsis."""
    length = _cells(text)
    if length > width > 0:
        return set_cell_size(text, width - 1) + "…"
    if length > width:
        return ""
    pad = " " * (width - length)
    if align == "right":
        return pad + text
    return text + pad


def fit_name(text: str, width: int) -> str:
    """Return a name in exactly ``width`` cells, its middle elided: both ends of a key tell more than its beginning."""
    length = _cells(text)
    if length <= width:
        return text + " " * (width - length)
    if width < 8:
        return fit_cell(text, width)
    tail = width // 3
    end = text[-tail:]
    while end and (cell_len(end) > tail or cell_len(end[0]) == 0):  # no accent may land on the ellipsis
        end = end[1:]
    return fit_cell(set_cell_size(text, width - 1 - cell_len(end)) + "…" + end, width)


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
