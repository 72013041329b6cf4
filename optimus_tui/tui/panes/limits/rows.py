"""How one rate-limit counter is drawn, sorted and named in a filter. Pure: a row and a moment in, words out.

Holds no threshold: what is over or near was judged elsewhere. What is not known is ``?`` or ``–``, never 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from optimus_tui.contract.limits import NO_OPERATION, NO_TENANT, LimitRow
from optimus_tui.tui.widgets.figures import fit_count, fit_percent
from optimus_tui.tui.widgets.spark import name_pieces
from optimus_tui.tui.widgets.table import Cell, Column, Table
from optimus_tui.wording.numbers import slope, span_ahead, ttl, until
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import LIMIT_MARKS

INKS = {"critical": "crit", "warning": "warn", "ok": "", "quiet": "quiet"}
ENDED = "ended"
GRACE_SECONDS = 1.0
"""A window that ended this long ago is said to have ended: its count is history until it is read again."""


class LimitNow(NamedTuple):
    """A counter, and the monotonic second that it is drawn for."""

    row: LimitRow
    moment: float

    @property
    def ended(self) -> bool:
        """Return True if its window has run out since it was read."""
        return has_ended(self.row, self.moment)

    @property
    def trouble(self) -> str:
        """Return the ink of its state."""
        return INKS[LIMIT_MARKS[self.row.state].tone]

    def quiet(self, ink: str) -> str:
        """Return ``ink``, or ``quiet`` for a counter that has ended."""
        if self.ended:
            return "quiet"
        return ink


def has_ended(row: LimitRow, moment: float) -> bool:
    """Return True if a counter's window has run out since it was read."""
    return row.resets_mono is not None and row.resets_mono + GRACE_SECONDS < moment


def _mark_cell(now: LimitNow, _: int) -> Cell:
    return LIMIT_MARKS[now.row.state].glyph, now.quiet(now.trouble)


def _tenant_cell(now: LimitNow, cells: int) -> Cell:
    name = now.row.counter.tenant
    if not name:
        return NO_TENANT, "quiet"
    return name_pieces(name, cells, now.quiet("bright"))


def _operation_cell(now: LimitNow, cells: int) -> Cell:
    name = now.row.counter.operation
    if not name:
        return NO_OPERATION, "quiet"
    return name_pieces(name, cells, now.quiet(""))


def _used_cell(now: LimitNow, cells: int) -> Cell:
    # A problem stands in the place of all figures: a lone "?" would read as a count that is merely late.
    count = now.row.counter.count
    if count is None:
        return None
    return fit_count(count, cells), now.quiet("")


def _limit_cell(now: LimitNow, cells: int) -> Cell:
    if now.row.counter.count is None:
        return None
    return f"/ {fit_count(now.row.limit, cells - 2)}", "quiet"


def _share_cell(now: LimitNow, cells: int) -> Cell:
    counter = now.row.counter
    if counter.count is None:
        return safe_text(counter.problem or "not a count", 60), "warn"
    return fit_percent(now.row.share, cells), now.quiet(now.trouble)


def _slope_cell(now: LimitNow, _: int) -> Cell:
    if not now.row.slope:
        return pace_words(now.row), "quiet"
    return pace_words(now.row), now.quiet("")


def _refused_cell(now: LimitNow, _: int) -> Cell:
    if now.row.refused_in is None:
        return refused_words(*now), "quiet"
    return refused_words(*now), now.quiet(now.trouble)


def _resets_cell(now: LimitNow, _: int) -> Cell:
    if now.ended:
        return ENDED, "quiet"
    return reset_words(*now), "crit" * now.row.counter.immortal


def _state_cell(now: LimitNow, _: int) -> Cell:
    if now.ended:
        return "", ""
    return f" {LIMIT_MARKS[now.row.state].word}", now.trouble


TABLE = Table[LimitNow](
    Column("mark", "", 1, _mark_cell),
    Column("tenant", "tenant", 8, _tenant_cell, grow=1, most=36),
    Column("operation", "operation", 11, _operation_cell, grow=1, most=30),
    Column("used", "used", 6, _used_cell, "right"),
    Column("limit", "/ limit", 7, _limit_cell),
    Column("share", "%", 5, _share_cell, "right"),
    Column("slope", "slope/s", 7, _slope_cell, "right", hide_below=78),
    Column("refused", "429 in", 9, _refused_cell, "right", hide_below=64),
    Column("resets", "resets", 8, _resets_cell, "right"),
    Column("state", " state", 14, _state_cell, hide_below=100),
)
OF_ONE_TENANT = TABLE.without("tenant")
"""Where all rows are one tenant's, its name would only take the room of the operations'."""

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
    """Return rows, which come the most urgent first, in another order; equal ones stay in the order of urgency."""
    key = order.key
    if key is None:
        return rows[:: -1 if backwards else 1]
    known = [row for row in rows if key(row) is not None]
    known.sort(key=key, reverse=order.descending != backwards)  # type: ignore[arg-type]
    return [*known, *(row for row in rows if key(row) is None)]


def sorting_column(x: int, width: int) -> str:
    """Return the id of the column to sort by whose title stands at this cell; empty for none that sorts."""
    column = TABLE.column_at(x, width)
    return {"limit": "used", "mark": "", "state": ""}.get(column, column)


def reset_words(row: LimitRow, moment: float) -> str:
    """Return ``0:41`` until the window ends, ``never``, or ``?``."""
    left = None if row.resets_mono is None else row.resets_mono - moment
    return ttl(left, immortal=row.counter.immortal)


def refused_words(row: LimitRow, moment: float) -> str:
    """Return ``12-18 s`` until requests are refused; ``now`` only if they are already, not if a forecast ran out."""
    if not row.refused_in or row.refused_latest is None:
        return until(row.refused_in)
    passed = moment - row.counter.taken_mono
    return span_ahead(max(1.0, row.refused_in - passed), max(1.0, row.refused_latest - passed))


def pace_words(row: LimitRow) -> str:
    """Return the slope, with ``≈`` where it rests on little."""
    if row.rough and row.slope:
        return f"≈{slope(row.slope)}"
    return slope(row.slope)


class RowFields(Mapping[str, str | float | None]):
    """What a filter may name, computed when asked for: ten thousand rows are filtered by one or two fields.

    tenant, operation, state, text; count, limit, percent (0 to 100), share (0 to 1), ttl (seconds, infinite when it
    never ends), slope (requests a second).
    """

    _SHARES: ClassVar[dict[str, int]] = {"share": 1, "percent": 100}
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
                return row.share * self._SHARES[name]
            case "slope":
                return row.slope
            case "ttl":
                if row.counter.immortal:
                    return math.inf
                return None if row.resets_mono is None else max(0.0, row.resets_mono - self._moment)
        raise KeyError(name)
