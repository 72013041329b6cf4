"""Filters and sorts the counters; tens of thousands in short steps, between which the screen answers."""

import asyncio
from collections import Counter as Tally
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from optimus_tui.contract.keyspace import LimitRow, LimitsReport
from optimus_tui.grammar.filter import Filter
from optimus_tui.tui.panes.limits.lines import LimitFields, Order
from optimus_tui.tui.panes.limits.table import LimitNow

AT_ONCE = 2_000
"""Counters up to which everything is done at once, and those of one step where there are more."""
GROUP = "limits-order"
TYPING_SECONDS = 0.1
"""How long a filter must stand before many counters are filtered: a key typed before costs only its own drawing."""


class Ordered(NamedTuple):
    """The counters that pass the filter, in order, and how many of all are in each state."""

    rows: Sequence[LimitRow] = ()
    states: Mapping[str, int] = {}


Steps = Generator[None, None, Ordered]


def order_steps(report: LimitsReport, wanted: Filter, order: Order, backwards: bool, mono: float) -> Steps:
    """Filter and sort a report's counters, and yield between steps of ``AT_ONCE``.

    Rows without a value come last in both directions; equal ones stay in the order of urgency. In that order itself,
    rows whose window has ended by ``mono`` come last, because their figures are history.
    """
    states, rows, values = Tally[str](), list[LimitRow](), list[Any]()
    value_of = partial(order.key, report) if order.key else partial(_is_current, mono)
    for start in range(0, len(report.rows), AT_ONCE):
        some: Sequence[LimitRow] = report.rows[start : start + AT_ONCE]
        states.update(row.word for row in some)
        if wanted:
            some = [row for row in some if wanted.matches(LimitFields(row, mono, report))]
        rows += some
        values += map(value_of, some)
        yield
    if order.key is None:
        rows, values = rows[:: -1 if backwards else 1], values[:: -1 if backwards else 1]
        return Ordered([*_with(True, rows, values), *_with(False, rows, values)], states)
    known = [at for at, value in enumerate(values) if value is not None]
    known.sort(key=values.__getitem__, reverse=order.descending != backwards)
    yield
    return Ordered([*(rows[at] for at in known), *_with(None, rows, values)], states)


def _is_current(mono: float, row: LimitRow) -> bool:
    return not LimitNow(row, mono).ended


def _with(value: object, rows: Sequence[LimitRow], values: Sequence[Any]) -> list[LimitRow]:
    return [row for row, one in zip(rows, values, strict=True) if one is value]


def at_once(steps: Steps) -> Ordered:
    """Return the result without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            ordered: Ordered = end.value
            return ordered


class RowOrdering:
    """Puts a pane's counters in order: few at once, many beside the screen. Another filter or order starts again."""

    def __init__(self, pane: Any) -> None:
        """Show what was put in order by the ``show_rows`` of a ``LimitsPane``."""
        self.pane = pane
        self.typing_seconds = TYPING_SECONDS
        self.begun = 0
        """How often it was begun to put counters in order beside the screen."""
        self._wanted: tuple[Filter, Order, bool] | None = None
        self._is_behind = False
        """A newer report came since the present work began."""

    @property
    def is_working(self) -> bool:
        """Return True while counters are being put in order."""
        return any(worker.group == GROUP and not worker.is_finished for worker in self.pane.workers)

    def begin(self) -> None:
        """Show the present report with the present filter and order, now or as soon as that is done."""
        pane, content = self.pane, self.pane.content
        if content.report is None or len(content.report.rows) <= AT_ONCE:
            pane.workers.cancel_group(pane, GROUP)
            pane.show_rows(Ordered() if content.report is None else at_once(self._steps()))
            return
        wanted = pane.filter, content.order, content.backwards
        if self.is_working and wanted == self._wanted:
            self._is_behind = True
            return
        is_typed = self._wanted is not None and self._wanted[0] != wanted[0]
        self._wanted = wanted
        pane.run_worker(
            partial(self._work, self.typing_seconds * is_typed), group=GROUP, exclusive=True, exit_on_error=False
        )
        pane.draw_frame()

    def _steps(self) -> Steps:
        pane, content = self.pane, self.pane.content
        assert content.report is not None
        return order_steps(content.report, pane.filter, content.order, content.backwards, pane.shown_mono())

    async def _work(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self.begun += 1
        self._is_behind = True
        while self._is_behind:
            self._is_behind, steps = False, self._steps()
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    ordered = end.value
                    break
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.pane.show_rows(ordered)
        self.pane.content.bug = ""
        self.pane.call_later(self.pane.draw_frame)
