"""Text in terminal cells: tables of declared columns, and figures, names and sentences that fit a width.

A number is shortened, never cut. All text that comes here is safe already (``wording.safe``).
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

from rich.cells import cell_len, set_cell_size

from optimus_tui.tui.theme import Piece
from optimus_tui.wording import wrapping
from optimus_tui.wording.numbers import compact, percent_number, thousands
from optimus_tui.wording.safe import is_plain, safe_text
from optimus_tui.wording.wrapping import elided

Align = Literal["left", "right"]
Row = TypeVar("Row")
Cell = tuple[str, str] | list[tuple[str, str]] | None
"""Safe text with its style, to be fitted; or pieces that fill the column; or None: the next column has this one's room
too."""


BLOCKS = "▁▂▃▅▇"
STEADY_SHARE = 3.0
"""Without a given top, a steady history stands at a third of the height, so that a spike has somewhere to go."""
HEAD_GAP = 1
"""Blanks between two titles, beside the blank between columns: "refused 429 in" would read as one."""
EXTRA = 3
"""The rank from which on a column is worth less than a name that is whole."""
ROOM_FOR_WORDS = 24
"""Cells from which the mark is written out."""
NAMES_KEPT = 4_096
"""Names that are not fitted again each time they are drawn or measured: the same ones stand there each second."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table.

    Attributes:
        id: Its name in code.
        title: Its title.
        long_title: The title if there is room for more words.
        width: The least number of cells; once measured, never more than its content needs.
        cell: Returns the text of a row for a number of cells.
        align: The side at which text is aligned.
        grow: Its share of the cells that are left.
        most: The greatest number of cells.
        hide_below: It is hidden if the whole line is narrower than this; 0 for a column that is never hidden.
        measured: ``RowTable`` fits it to the rows' content; a growing column gets that width before any other gets
            more.
        least: A measured column is never narrower, so that the arrow of the order fits beside its title.
        rank: Columns of the highest rank are hidden first; 0 is never hidden. Ranks from ``EXTRA`` on are hidden if
            another column would be cut, the others only if one is narrower than ``fair``. Whether a column holds
            anything does not count: columns must not come and go with their figures while somebody reads them.
        fair: Cells that a growing column should have before columns with a rank are shown.
        enough: Cells that all its rows need, as measured; it gets more only once every other column has enough.
    """

    id: str
    title: str
    width: int
    cell: Callable[[Row, int], Cell]
    align: Align = "left"
    grow: int = 0
    most: int = 1000
    hide_below: int = 0
    measured: bool = False
    least: int = 0
    rank: int = 0
    fair: int = 0
    enough: int = 0
    long_title: str = ""

    @property
    def wanted(self) -> int:
        """Return the cells that it should have before columns with a rank are shown."""
        if self.enough:
            return max(self.width, min(self.fair, self.enough))
        return max(self.width, self.fair)

    @property
    def whole(self) -> int:
        """Return the cells that it should have before columns of rank ``EXTRA`` are shown."""
        return max(self.wanted, min(self.enough, self.most))


def fit_columns(columns: Sequence[Column[Row]], width: int, gap: int = 1) -> list[tuple[Column[Row], int]]:
    """Return the columns that fit into a line of this width, each with its own width; ``gap`` blanks separate them."""
    shown = _that_show([c for c in columns if not c.hide_below or width >= c.hide_below], width, gap)
    spare = width - sum(c.width for c in shown) - gap * (len(shown) - 1)
    widths = {c.id: c.width for c in shown}
    enough = {c.id: min(c.most, c.enough) for c in shown}
    unmeasured = {c.id: 0 if c.enough else c.most for c in shown}
    rest = {c.id: 0 if c.enough and c.align == "right" else c.most for c in shown}  # no figure moves off from its name
    for tops in (enough, unmeasured, rest):
        if tops is rest:
            spare = _name_in_full(shown, widths, spare)
        spare = _grow([c for c in shown if c.grow and widths[c.id] < tops[c.id]], widths, tops, spare)
    return [(c, widths[c.id]) for c in shown]


def _name_in_full(shown: Sequence[Column[Row]], widths: dict[str, int], spare: int) -> int:
    """Give spare cells to columns whose titles can say more. Return how many are left."""
    for column in shown:
        more = _width(column.long_title) + HEAD_GAP - widths[column.id]
        if column.long_title and 0 < more <= spare:
            widths[column.id] += more
            spare -= more
    return spare


def _that_show(columns: list[Column[Row]], width: int, gap: int) -> list[Column[Row]]:
    """Return the columns without those that give way, in their order."""
    shown = list(columns)
    whole, wanted = ({c.id: c.whole for c in columns}, {c.id: c.wanted for c in columns})
    turns: Sequence[tuple[Mapping[str, int], Callable[[Column[Row]], bool]]] = (
        (whole, lambda c: c.rank >= EXTRA),
        (wanted, lambda c: c.rank > 0),
    )
    for needs, gives_way in turns:
        while sum(needs[c.id] + gap for c in shown) - gap > width and (able := [c for c in shown if gives_way(c)]):
            shown.remove(max(able, key=lambda c: c.rank))
    left = width - sum(c.whole + gap for c in shown) + gap
    for column in sorted((c for c in columns if c not in shown), key=lambda c: c.rank):
        if column.whole + gap <= left:  # narrower than what gave way after it
            shown.append(column)
            left -= column.whole + gap
    return [c for c in columns if c in shown]


def _grow(growing: list[Column[Row]], widths: dict[str, int], tops: Mapping[str, int], spare: int) -> int:
    """Give spare cells to columns up to their tops. Return how many are left."""
    while spare > 0 and growing:
        share = max(1, spare // sum(c.grow for c in growing))
        for column in list(growing):
            more = min(share * column.grow, tops[column.id] - widths[column.id], spare)
            widths[column.id] += more
            spare -= more
            if widths[column.id] >= tops[column.id]:
                growing.remove(column)
            if spare <= 0:
                break
    return spare


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return cell_len(text)


def fit_cell(text: str, width: int, align: Align = "left") -> str:
    """Return safe text in exactly ``width`` cells; text that is too long ends in an ellipsis."""
    length = _width(text)
    if length > width > 0:
        return set_cell_size(text, width - 1) + "…"
    if length > width:
        return ""
    pad = " " * (width - length)
    if align == "right":
        return pad + text
    return text + pad


def fit_words(text: str, width: int) -> str:
    """Return a sentence in exactly ``width`` cells; one that is too long is cut between words, with an ellipsis."""
    return fit_cell(wrapping.shortened_between_words(text, width, _width) or text, width)


def fit_name(text: str, width: int) -> str:
    """Return a name in exactly ``width`` cells, shortened in its middle (``wording.wrapping.elided``)."""
    return fit_cell(elided(text, width, _width), width)


def _heads_apart(columns: Sequence[Column[Row]]) -> tuple[Column[Row], ...]:
    """Return the columns, so wide that two titles beside each other stand apart.

    A title at the left behind one at the right needs a column without a title between them.
    """
    made = list(columns)
    titled = [at for at, column in enumerate(made) if column.title]
    for before, at in pairwise(titled):
        if made[at].align == "right":
            made[at] = _with_blank(made[at])
        elif made[before].align == "left":
            made[before] = _with_blank(made[before])
    return tuple(made)


def _with_blank(column: Column[Row]) -> Column[Row]:
    cells = _width(column.title) + HEAD_GAP
    return replace(column, width=max(column.width, cells), least=max(column.least, cells))


class Table(Generic[Row]):
    """Columns of one kind of row, with ``gap`` blanks between them."""

    def __init__(self, *columns: Column[Row], gap: int = 1) -> None:
        self.columns, self.gap = _heads_apart(columns), gap
        self._fitted: dict[int, Sequence[tuple[Column[Row], int]]] = {}

    def without(self, *ids: str) -> "Table[Row]":
        """Return the same table without some columns."""
        return Table(*(column for column in self.columns if column.id not in ids), gap=self.gap)

    def fitted(self, width: int) -> Sequence[tuple[Column[Row], int]]:
        """Return the columns that fit into ``width`` cells, each with its own width."""
        found = self._fitted.get(width)
        if found is None:
            found = self._fitted[width] = fit_columns(self.columns, width, self.gap)
        return found

    def widths(self, width: int) -> dict[str, int]:
        """Return the widths of the columns that fit into ``width`` cells, by id."""
        return {column.id: cells for column, cells in self.fitted(width)}

    def column_at(self, x: int, width: int) -> str:
        """Return the id of the column whose title is at cell ``x``; empty for none."""
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
            sorted_by: Ids of the columns whose titles are highlighted.
            titles: Titles that differ from the declared ones, by the column's id.
        """
        pieces: list[Piece] = []
        for column, cells in self.fitted(width):
            style = "head" if column.id in sorted_by else "quiet"
            title = titles.get(column.id, column.title)
            if column.long_title and title == column.title and _width(column.long_title) + HEAD_GAP <= cells:
                title = column.long_title
            pieces += [(fit_cell(title, cells, column.align), style), (" " * self.gap, "")]
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


def fit_count(count: int | None, width: int) -> str:
    """Return ``1,247``, else ``41k``, else ``9e18``: the most exact of these that ``width`` cells hold."""
    for text in (thousands(count), compact(count)):
        if len(text) <= width:
            return text
    return _power(count or 0)


def fit_percent(share: float | None, width: int) -> str:
    """Return a share (1.0 is full) as a number of percent without its sign, shortened like a count; ``?`` for None."""
    text = percent_number(share)
    if len(text) <= width or share is None:
        return text
    return fit_count(math.floor(share * 100), width)


def _power(count: int) -> str:
    """Return ``9e18``: cut, not rounded, as the other figures are."""
    digits = str(abs(count))
    return f"{'-' if count < 0 else ''}{digits[0]}e{len(digits) - 1}"


def wrap(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width`` cells (``wording.wrapping.wrap``)."""
    return wrapping.wrap(text, width, _width)


def as_many_as_fit(parts: Sequence[str], width: int, joint: str = " · ") -> str:
    """Return the first parts that fit into ``width`` cells, joined; the first part is always included."""
    line = ""
    for part in parts:
        candidate = f"{line}{joint}{part}" if line else part
        if line and cell_len(candidate) > width:
            break
        line = candidate
    return line


def first_that_fits(forms: Sequence[str], width: int) -> str:
    """Return the first wording that fits into ``width`` cells, else the last; the longest must come first."""
    return next((form for form in forms if cell_len(form) <= width), forms[-1])


def spark(
    values: Sequence[float | None],
    width: int,
    *,
    top: float | None = None,
    combine: Callable[[Iterable[float]], float] = max,
) -> str:
    """Return a line chart in exactly ``width`` cells. ``values`` are the oldest first, 0 is the baseline.

    If several values share a cell, ``combine`` chooses the value to show: the largest for latencies, so that a spike is
    not averaged away. None, nan and infinities are gaps. ``top`` is the value of a full block.
    """
    if width <= 0:
        return ""
    cells = _combined(values, width, combine)
    known = sorted(value for value in cells if value is not None)
    if not known:
        return " " * width
    full = top if top is not None else max(known[-1], STEADY_SHARE * known[(len(known) - 1) // 2])
    return "".join(_block(value, full) for value in cells).rjust(width)


def _combined(
    values: Sequence[float | None], width: int, combine: Callable[[Iterable[float]], float]
) -> list[float | None]:
    each = max(1, -(-len(values) // width))
    cells: list[float | None] = []
    for end in range(len(values), 0, -each):
        known = [v for v in values[max(0, end - each) : end] if v is not None and math.isfinite(v)]
        cells.append(combine(known) if known else None)
    return cells[::-1]


def _block(value: float | None, full: float) -> str:
    if value is None:
        return " "
    if full <= 0:
        return BLOCKS[0]
    return BLOCKS[max(0, min(len(BLOCKS) - 1, int(value / full * len(BLOCKS))))]


@lru_cache(maxsize=NAMES_KEPT)
def mark_of(raw: bytes) -> tuple[str, str]:
    """Return why a name may look like a different one, in full and in short; two empty texts for a plain name."""
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        return "control", "ctl"
    if not is_plain(raw):
        return "non-ASCII", "≠A"
    if raw != raw.strip() or b"  " in raw:
        return "blanks", "␣"
    return "", ""


def name_pieces(raw: bytes, width: int, style: str = "bright", *, cut_at_end: bool = False) -> list[Piece]:
    """Return a name with its mark (see ``mark_of``) in ``width`` cells.

    Args:
        raw: The name.
        width: Cells.
        style: Its text style.
        cut_at_end: True for words, which are read from their beginning; of an id both ends tell it from others.
    """
    return list(_name_pieces(raw, width, style, cut_at_end))


@lru_cache(maxsize=NAMES_KEPT)
def _name_pieces(raw: bytes, width: int, style: str, cut_at_end: bool) -> tuple[Piece, ...]:
    text, fit = safe_text(raw), (fit_name, fit_cell)[cut_at_end]
    word, short = mark_of(raw)
    if not word or width < 8:
        return ((fit(text, width), style),)
    mark = word if width >= min(ROOM_FOR_WORDS, cell_len(text) + 1 + cell_len(word)) else short
    room = width - cell_len(mark) - 1
    shown = fit(text, min(room, cell_len(text)))
    return (shown, style), (fit_cell(f" {mark}", width - cell_len(shown)), "warn")
