"""How one rate-limit counter is drawn, sorted and named in a filter. Pure: a row and a moment in, words out.

Holds no threshold: what is over or near was judged elsewhere. What is not known is ``?`` or ``–``, never 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimus_tui.contract.limits import NO_OPERATION, NO_TENANT, LimitRow
from optimus_tui.tui.widgets.columns import Column, fit_cell, fit_columns
from optimus_tui.tui.widgets.figures import fit_count, fit_percent
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.names import name_pieces
from optimus_tui.wording.glyphs import LIMIT_MARKS
from optimus_tui.wording.numbers import slope
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.ttl import span_ahead, ttl, until

INKS = {"critical": "crit", "warning": "warn", "ok": "", "quiet": "quiet"}
COLUMNS = (
    Column("mark", "", 1),
    Column("tenant", "tenant", 8, grow=1, most=36),
    Column("operation", "operation", 11, grow=1, most=30),
    Column("used", "used", 6, "right"),
    Column("limit", "/ limit", 7),
    Column("share", "%", 5, "right"),
    Column("slope", "slope/s", 7, "right", hide_below=78),
    Column("refused", "429 in", 9, "right", hide_below=64),
    Column("resets", "resets", 8, "right"),
    Column("state", " state", 14, hide_below=100),
)
OF_ONE_TENANT = tuple(column for column in COLUMNS if column.id != "tenant")
"""Where all rows are one tenant's, its name would only take the room of the operations'."""
FIGURES = ("used", "limit", "share")
ENDED = "ended"
GRACE_SECONDS = 1.0
"""A window that ended this long ago is said to have ended: its count is history until it is read again."""

Key = Callable[[LimitRow], float | int | bytes | None]


@dataclass(frozen=True)
class Order:
    """A way to sort. ``key`` None keeps the report's order; rows without a value come last either way round."""

    column: str
    words: str
    reversed_words: str
    key: Key | None = None
    descending: bool = False


ORDERS: tuple[Order, ...] = (
    Order("", "hottest first", "coolest first"),
    Order("tenant", "by tenant", "by tenant, z to a", lambda row: row.counter.tenant),
    Order("operation", "by operation", "by operation, z to a", lambda row: row.counter.operation),
    Order("used", "most used first", "least used first", lambda row: row.counter.count, True),
    Order("share", "highest % first", "lowest % first", lambda row: row.share, True),
    Order("slope", "steepest first", "flattest first", lambda row: row.slope, True),
    Order("refused", "soonest 429 first", "latest 429 first", lambda row: row.refused_in),
    Order("resets", "soonest reset first", "latest reset first", lambda row: row.resets_mono),
)


def ordered(rows: Sequence[LimitRow], order: Order, backwards: bool) -> Sequence[LimitRow]:
    """``rows``, which come the most urgent first, in another order; equal ones stay in the order of urgency."""
    key = order.key
    if key is None:
        return rows[::-1] if backwards else rows
    known = [row for row in rows if key(row) is not None]
    known.sort(key=key, reverse=order.descending != backwards)  # type: ignore[arg-type]
    return known if len(known) == len(rows) else [*known, *(row for row in rows if key(row) is None)]


def draw_head(width: int, sorted_by: str, columns: Sequence[Column] = COLUMNS) -> list[Piece]:
    """The titles; the one that the rows are sorted by stands out."""
    pieces: list[Piece] = []
    for column, cells in fit_columns(columns, width):
        chosen = sorted_by and (column.id == sorted_by or (sorted_by == "used" and column.id == "limit"))
        pieces += [(fit_cell(column.title, cells, column.align), "head" if chosen else "quiet"), (" ", "")]
    return pieces


def column_at(x: int, width: int) -> str:
    """Which column's title stands at this cell; "" for none that sorts."""
    start = 0
    for column, cells in fit_columns(COLUMNS, width):
        if x <= start + cells:
            return {"limit": "used", "mark": "", "state": ""}.get(column.id, column.id)
        start += cells + 1
    return ""


def draw_row(row: LimitRow, width: int, moment: float, columns: Sequence[Column] = COLUMNS) -> list[Piece]:
    """One counter in ``width`` cells as of ``moment`` (monotonic seconds)."""
    over = has_ended(row, moment)
    pieces: list[Piece] = []
    fitted = fit_columns(columns, width)
    figures = sum(cells + 1 for column, cells in fitted if column.id in FIGURES) - 1
    for column, cells in fitted:
        if row.counter.count is None and column.id in FIGURES:
            # The problem stands in the place of the figures: a lone "?" would read as a count that is merely late.
            if column.id == "used":
                problem = safe_text(row.counter.problem or "not a count", 60)
                pieces += [(fit_cell(problem, figures, "right"), "warn"), (" ", "")]
            continue
        if column.id in ("tenant", "operation"):
            raw, missing, ink = row.counter.operation, NO_OPERATION, ""
            if column.id == "tenant":
                raw, missing, ink = row.counter.tenant, NO_TENANT, "bright"
            if raw:
                pieces += name_pieces(raw, cells, "quiet" if over else ink)
            else:
                pieces.append((fit_cell(missing, cells), "quiet"))
        else:
            text, ink = _cell(column.id, row, cells, moment)
            pieces.append((fit_cell(text, cells, column.align), "quiet" if over else ink))
        pieces.append((" ", ""))
    return pieces


def has_ended(row: LimitRow, moment: float) -> bool:
    """True for a counter whose window has run out since it was read."""
    return row.resets_mono is not None and row.resets_mono + GRACE_SECONDS < moment


def _cell(name: str, row: LimitRow, cells: int, moment: float) -> tuple[str, str]:
    mark = LIMIT_MARKS[row.state]
    trouble = INKS[mark.tone]
    match name:
        case "mark":
            return mark.glyph, trouble
        case "used":
            return fit_count(row.counter.count, cells), ""
        case "limit":
            return f"/ {fit_count(row.limit, cells - 2)}", "quiet"
        case "share":
            return fit_percent(row.share, cells), trouble
        case "slope":
            return pace_words(row), "quiet" if not row.slope else ""
        case "refused":
            return refused_words(row, moment), "quiet" if row.refused_in is None else trouble
        case "resets":
            if has_ended(row, moment):
                return ENDED, "quiet"
            return reset_words(row, moment), "crit" if row.counter.immortal else ""
        case _:
            return "" if has_ended(row, moment) else f" {mark.word}", trouble


def reset_words(row: LimitRow, moment: float) -> str:
    """``0:41`` until the window ends, ``never``, ``?``."""
    left = None if row.resets_mono is None else row.resets_mono - moment
    return ttl(left, immortal=row.counter.immortal)


def refused_words(row: LimitRow, moment: float) -> str:
    """``12-18 s`` until requests are refused; ``now`` only where they are already, never by a forecast that ran out."""
    if not row.refused_in or row.refused_latest is None:
        return until(row.refused_in)
    passed = moment - row.counter.taken_mono
    return span_ahead(max(1.0, row.refused_in - passed), max(1.0, row.refused_latest - passed))


def pace_words(row: LimitRow) -> str:
    """The slope, with ``≈`` where it rests on little."""
    return f"≈{slope(row.slope)}" if row.rough and row.slope else slope(row.slope)


class RowFields(Mapping[str, str | float | None]):
    """What a filter may name, computed when asked for: ten thousand rows are filtered by one or two fields.

    tenant, operation, state, text; count, limit, percent (0 to 100), share (0 to 1), ttl (seconds, infinite when it
    never ends), slope (requests a second).
    """

    NAMES = ("text", "tenant", "operation", "state", "count", "limit", "percent", "share", "ttl", "slope")

    def __init__(self, row: LimitRow, moment: float) -> None:
        self._row, self._moment = row, moment

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)

    def __contains__(self, name: object) -> bool:
        return name in self.NAMES

    def __getitem__(self, name: str) -> str | float | None:
        row = self._row
        match name:
            case "tenant":
                return safe_text(row.counter.tenant, 400)
            case "operation":
                return safe_text(row.counter.operation, 400)
            case "text":
                return f"{self['tenant']} {self['operation']} {row.state} {row.counter.problem or ''}"
            case "state":
                return f"{row.state} {LIMIT_MARKS[row.state].word}"
            case "count":
                return row.counter.count
            case "limit":
                return row.limit
            case "share" | "percent":
                if row.share is None:
                    return None
                return row.share * (100 if name == "percent" else 1)
            case "slope":
                return row.slope
            case "ttl":
                if row.counter.immortal:
                    return math.inf
                return None if row.resets_mono is None else max(0.0, row.resets_mono - self._moment)
        raise KeyError(name)
