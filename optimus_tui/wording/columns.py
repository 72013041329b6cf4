"""Choose which columns of a table fit into a line and how wide each is, in terminal cells. Pure.

Columns are left out from the right only, so the order of columns is their importance; the caller names below the table
what was left out (``left_out``).
"""

import re
from collections.abc import Sequence

from msgspec import Struct

GAP = 2
"""Blanks between two columns."""
LEAST = 6
"""Heads are not cut below this many cells."""
FLOORS = (20, 14)
"""Cells that the first column and the others keep before columns are left out."""
WHOLE = 40
"""Cells up to which a column of figures is never narrowed, because half a number is a wrong number."""

_FIGURE = re.compile(
    r"[–?]|never|(?:over )?[<>≥≤≈+~-]{0,2} ?\d[\d.,:]*(?: ?(?:%|[A-Za-z]{1,3}))?(?:/\w{1,3})?|\d{4}-\d\d-\d\dT[\d:.]+Z"
)


class Need(Struct, frozen=True):
    """The needs of one column, in cells: its head on one line, its longest cell, and the narrowest its head may be."""

    head: int
    cells: int
    least_head: int = LEAST
    whole: bool = False
    """True if its cells are figures, so it is shown in full width or not at all."""


def fitting_widths(needs: Sequence[Need], width: int, gap: int = GAP) -> list[int]:
    """Return the widths of the first columns, as many as fit into ``width`` cells with ``gap`` blanks after each.

    Where the natural widths do not fit, heads are narrowed first, then long cells, then columns are dropped from the
    right. The first column always stays.
    """
    for shown in range(len(needs), 0, -1):
        columns = needs[:shown]
        widths = [max(one.head, one.cells) for one in columns]
        floors = [_floor(one, FLOORS[at > 0]) for at, one in enumerate(columns)]
        _give_way(widths, [max(one.cells, floor) for one, floor in zip(columns, floors, strict=True)], width, gap)
        _give_way(widths, floors, width, gap)
        if sum(widths) + gap * shown <= width:
            return widths
    return [max(LEAST, width)]


def is_figure(cell: str) -> bool:
    """Return True for a number with its unit, a time, and for the signs that replace an unknown one."""
    return _FIGURE.fullmatch(cell) is not None


def left_out(names: Sequence[str]) -> str:
    """Return the line that names the columns left out: ``not shown for want of room: ttl, limit``."""
    return f"not shown for want of room: {', '.join(names)}"


def _floor(one: Need, most: int) -> int:
    if one.whole:
        most = WHOLE
    cells = min(one.cells, most)
    return min(max(one.head, one.cells), max(one.least_head, cells))


def _give_way(widths: list[int], floors: Sequence[int], width: int, gap: int) -> None:
    """Reduce the column that is farthest above its floor until the line fits."""
    while sum(widths) + gap * len(widths) > width:
        spare = [one - floor for one, floor in zip(widths, floors, strict=True)]
        if max(spare) <= 0:
            return
        widths[spare.index(max(spare))] -= 1
