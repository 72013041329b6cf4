"""Columns of text measured in terminal cells: which fit, how wide, and each cell cut or padded to its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from rich.cells import cell_len, set_cell_size

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
