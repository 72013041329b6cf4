"""The columns of the rate limits, and the words of a counter's cells. Pure.

No threshold is here: what is over or near its limit was judged elsewhere. An unknown value is ``?`` or ``–``, never 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.keyspace import NO_OPERATION, NO_TENANT, LimitRow, LimitsReport, PastWindow
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece
from optimus_tui.tui.widgets.cells import (
    BLOCKS,
    Cell,
    Column,
    Table,
    first_that_fits,
    fit_count,
    fit_name,
    fit_percent,
    fit_words,
    name_pieces,
)
from optimus_tui.verdicts.limits.words import own_window, uncounted_forms
from optimus_tui.wording.numbers import UNKNOWN, rate, slope, span_ahead, thousands, ttl, until
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_hash
from optimus_tui.wording.truth import limit_mark

STATE_STYLES = {**SEVERITY_TEXT_STYLES, "ok": ""}
ENDED, SLIDING = "ended", "sliding"
GRACE_SECONDS = 1.0
"""A window that ended this long ago is said to have ended: its count is history until it is read again."""
PAST_WINDOWS = 5
ROOM_FOR_WINDOW = 14
"""Cells of an operation from which on the window that its name says stands behind it."""


class LimitNow(NamedTuple):
    """A counter, the monotonic second for which it is drawn, and its report."""

    row: LimitRow
    mono: float
    report: LimitsReport | None = None

    @property
    def ended(self) -> bool:
        """Return True if its window has ended since it was read."""
        return self.row.resets_mono is not None and self.row.resets_mono + GRACE_SECONDS < self.mono

    @property
    def trouble(self) -> str:
        """Return the text style of its state."""
        return STATE_STYLES[limit_mark(self.row).severity_style]

    @property
    def look(self) -> object:
        """Return the values that its cells are made from: equal values mean equal cells.

        The time of reading is not one.
        """
        row, counter, report = self.row, self.row.counter, self.report
        still = replace(counter, taken_mono=0.0, ttl_ms=None, resets_ms=None)
        times = self.ended, reset_words(row, self.mono), expected_words(row, self.mono)
        beside = (report.refused(counter), report.past_windows.get(counter.key, ())) if report is not None else None
        return replace(row, counter=still, resets_mono=None), times, beside

    def quiet(self, style: str) -> str:
        """Return ``style`` (a text style), or ``quiet`` for a counter that has ended."""
        if self.ended:
            return "quiet"
        return style


def _mark_cell(now: LimitNow, _: int) -> Cell:
    return limit_mark(now.row).glyph, now.quiet(now.trouble)


def _tenant_cell(now: LimitNow, cells: int) -> Cell:
    name = now.row.counter.tenant
    if not name:
        return NO_TENANT, "quiet"
    short = short_hash(name)
    if alias := safe_text(now.row.alias, 60):
        room = min(cells, cell_len(alias))
        behind = f" {short}" if short and cells - room > len(short) else ""
        return [(fit_name(alias, room), now.quiet("bright")), (behind.ljust(cells - room), "quiet")]
    if short:
        return short, now.quiet("bright")
    return name_pieces(name, cells, now.quiet("bright"))


def _operation_cell(now: LimitNow, cells: int) -> Cell:
    name = now.row.counter.operation
    if not name:
        return NO_OPERATION, "quiet"
    window = own_window(now.row.counter)
    if not window or cells < ROOM_FOR_WINDOW:
        return name_pieces(name, cells, now.quiet(""), cut_at_end=True)
    return [*name_pieces(name, cells - len(window), now.quiet(""), cut_at_end=True), (window, "quiet")]


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
        style = "warn" if counter.problem or now.row.state == "over" else "quiet"
        words = first_that_fits([safe_text(form, 60) for form in uncounted_forms(now.row)], cells)
        return fit_words(words, cells).rstrip(), style
    return fit_percent(now.row.share, cells), now.quiet(now.trouble)


def _slope_cell(now: LimitNow, _: int) -> Cell:
    if not now.row.slope:
        return pace_words(now.row), "quiet"
    return pace_words(now.row), now.quiet("")


def _refused_cell(now: LimitNow, _: int) -> Cell:
    refused = None if now.report is None else now.report.refused(now.row.counter)
    if refused is None:
        return UNKNOWN, "quiet"
    return rate(refused), "warn" if refused else "quiet"


def _expected_cell(now: LimitNow, _: int) -> Cell:
    words = expected_words(now.row, now.mono)
    if now.row.refused_in is None:
        return words, "quiet"
    return words, now.quiet(now.trouble)


def _past_cell(now: LimitNow, cells: int) -> Cell:
    past = () if now.report is None else now.report.past_windows.get(now.row.counter.key, ())
    return past_pieces(past, now.row.limit, cells)


def _resets_cell(now: LimitNow, _: int) -> Cell:
    if now.ended:
        return ENDED, "quiet"
    return reset_words(now.row, now.mono), "crit" * now.row.counter.immortal


def _state_cell(now: LimitNow, _: int) -> Cell:
    if now.ended:
        return "", ""
    return f" {limit_mark(now.row).word}", now.trouble


TABLE = Table[LimitNow](
    Column("mark", "", 1, _mark_cell),
    Column("tenant", "tenant", 8, _tenant_cell, grow=1, most=36, measured=True, fair=14),
    Column("operation", "operation", 9, _operation_cell, grow=1, most=30, measured=True, fair=14),
    Column("used", "used", 6, _used_cell, "right", measured=True),
    Column("limit", "/ limit", 7, _limit_cell, measured=True),
    Column("share", "%", 5, _share_cell, "right", measured=True, least=3),
    Column("slope", "slope/s", 7, _slope_cell, "right", rank=4),
    Column("refused", "refused", 7, _refused_cell, "right", measured=True, rank=1),
    Column(
        "expected",
        "429 in",
        9,
        _expected_cell,
        "right",
        measured=True,
        rank=2,
        long_title="forecast: 429 in",
    ),
    Column("past", "windows", 7, _past_cell, "right", measured=True, rank=3, long_title="last 5 windows"),
    Column("resets", "resets", 8, _resets_cell, "right", measured=True),
    Column("state", " state", 14, _state_cell, rank=5),
)
OF_ONE_TENANT = TABLE.without("tenant")
"""Where all rows are one tenant's, its name would only take the room of the operations'."""


def reset_words(row: LimitRow, mono: float) -> str:
    """Return ``0:41`` (time until the window ends), ``never``, ``sliding`` (entries end one by one), or ``?``."""
    if row.resets_mono is None and row.counter.sliding and not row.counter.immortal:
        return SLIDING
    left = None if row.resets_mono is None else row.resets_mono - mono
    return ttl(left, immortal=row.counter.immortal)


def expected_words(row: LimitRow, mono: float) -> str:
    """Return ``12-18 s`` until requests are refused.

    ``now`` only if they are refused already, not if a forecast is over.
    """
    if not row.refused_in or row.refused_latest is None:
        return until(row.refused_in)
    passed = mono - row.counter.taken_mono
    return span_ahead(max(1.0, row.refused_in - passed), max(1.0, row.refused_latest - passed))


def pace_words(row: LimitRow) -> str:
    """Return the slope, with ``≈`` if it is based on little evidence."""
    if row.rough and row.slope:
        return f"≈{slope(row.slope)}"
    return slope(row.slope)


def past_pieces(past: Sequence[PastWindow], limit: int | None, cells: int) -> list[Piece]:
    """Return the last windows as a chart, the newest at the right: full at the limit, else at the largest of them.

    A window that filled its limit is red. One whose end was not read is dim, with ``≥`` in front of the chart.
    """
    shown = past[-PAST_WINDOWS:]
    top = limit or max((one.count for one in shown), default=0) or 1
    pieces: list[Piece] = []
    for one in shown:
        block = BLOCKS[min(len(BLOCKS) - 1, one.count * (len(BLOCKS) - 1) // top)]
        style = "" if one.whole else "quiet"
        if limit is not None and one.count >= limit:
            style = "crit"
        pieces.append((block, style))
    mark = "" if all(one.whole for one in shown) else "≥"
    return [(mark.rjust(cells - len(shown)), "quiet"), *pieces]


def past_words(past: Sequence[PastWindow]) -> str:
    """Return ``last windows 12, ≥ 40, 150``, the newest last; empty if none was seen to its end."""
    if not past:
        return ""
    counts = ", ".join(f"{'' if one.whole else '≥ '}{thousands(one.count)}" for one in past)
    return f"last windows {counts}"
