"""Rate limits: one row for each tenant and operation, the most urgent first. Draws verdicts; it makes none."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import events

from optimus_tui.clock import Clock
from optimus_tui.contract.finding_rules import LIMITS_KEPT, LIMITS_LONG_TTL, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRow, LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import TenantRequested
from optimus_tui.tui.panes.base import Pane, Words
from optimus_tui.tui.panes.limits import rows as limit_rows
from optimus_tui.tui.panes.limits import words as limit_words
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.verdicts.limits.words import limit_subject, subject_of, tenant_words
from optimus_tui.wording.age import age
from optimus_tui.wording.glyphs import SEVERITY_MARKS
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import counted_down, fault_lines, outage_forms, truth_line

EXPLAIN_MANY = (LIMITS_LONG_TTL, LIMITS_KEPT)
"""Rules that judge what is no state of its own."""


def _explains(finding: Finding, row: LimitRow) -> bool:
    """Return True if a finding that stands for many counters is about the state of this one."""
    return finding.rule in EXPLAIN_MANY or rule_of(finding.rule).limit_state == row.state


FOLLOW_SECONDS = 10.0
"""For so long after a move of the cursor the view goes with its row; later it stays, so that what is hottest shows."""
OFFENDERS = ("immortal", "over")
LATE_SECONDS = 5.0
"""A reading later than this and three intervals is called stale even if nobody reported a fault."""


class LimitsPane(Pane):
    """Counters against their limits. Counters that never reset stand on top, then those over and near their limit.

    Filter by tenant:, operation:, state:, and by count, limit, percent, share, ttl, slope: percent>80 ttl<30.
    """

    NAME = "limits"
    NUMBER = 2
    TITLE = "Rate limits"
    BINDINGS: ClassVar[Any] = bindings("limits")
    FIELDS = limit_rows.RowFields.NAMES
    DETAIL_LINES: ClassVar[int] = 5

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings)
        self.order, self.backwards = 0, False
        self.detailed = False
        self.foot_lines = 2
        self._states: Mapping[str, int] = {}
        self._moved_mono = -FOLLOW_SECONDS
        self._followed_to = 0
        """Where the view went from its top with the cursor's row; 0 while it did not."""

    @property
    def report(self) -> LimitsReport | None:
        """What is shown, None before the first answer."""
        reading: Reading[LimitsReport] | None = self.shown
        return reading.value if reading is not None else None

    # -- rows ------------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        report = self.report
        rows = report.rows if report else ()
        self._states = Tally(row.state for row in rows)
        if self.filter:
            moment = self.moment()
            rows = tuple(row for row in rows if self.filter.matches(limit_rows.RowFields(row, moment)))
        self._lay_foot()
        self.set_rows(limit_rows.ordered(rows, limit_rows.ORDERS[self.order], self.backwards))

    def key_of(self, row: LimitRow) -> bytes:
        return row.counter.key

    def row_fields(self, row: LimitRow) -> Mapping[str, str | float | None]:
        return limit_rows.RowFields(row, self.moment())

    def head(self, line: int, width: int) -> list[Piece]:
        return limit_rows.draw_head(width, limit_rows.ORDERS[self.order].column) if self.report else []

    def row(self, index: int, width: int) -> list[Piece]:
        return limit_rows.draw_row(self.rows[index], width, self.moment())

    def foot(self, line: int, width: int) -> list[Piece]:
        report = self.report
        if report is None:
            return []
        from_below = self.foot_lines - 1 - line
        if from_below == 0:
            return limit_words.tenants_line(report, self.settings.thresholds.limit_keys, width)
        if report.rules is None and from_below == 1:
            return limit_words.rules_note(report, width)
        if self.detailed and self.selected is not None and line < self.DETAIL_LINES:
            if line == 0:
                return [("─" * width, "quiet")]
            return limit_words.detail_lines(self.selected, report, width, self.moment())[line - 1]
        return []

    def _lay_foot(self) -> None:
        unknown = self.report is not None and self.report.rules is None and bool(self.report.rows)
        self.foot_lines = 2 + unknown + (self.DETAIL_LINES if self.detailed else 0)

    def empty_lines(self) -> list[str]:
        reading: Reading[LimitsReport] | None = self.shown
        if reading is None:
            return [f"connecting to redis at {safe_text(self.settings.redis.label)} …"]
        if reading.value is not None:
            return list(limit_words.empty_words(reading.value, self.filter.text))
        return fault_lines(reading.fault, "no answer yet")

    # -- the cursor and the view -----------------------------------------------------------------------------------

    def view_follows(self) -> bool:
        return self.clock.mono() - self._moved_mono < FOLLOW_SECONDS

    def move_to(self, index: int) -> None:
        self._moved_mono, self._followed_to = self.clock.mono(), 0
        super().move_to(index)

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows. A view that went with the cursor's row comes back to the top once it follows no more."""
        first = int(self.scroll_offset.y)
        super().set_rows(rows)
        now = int(self.scroll_offset.y)
        if first == 0 and now and self.view_follows():
            self._followed_to = now
        elif self._followed_to and first == self._followed_to:
            self._followed_to = now
            if not self.view_follows():
                self._followed_to = 0
                self.scroll_to(y=0, animate=False, immediate=True, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.draw_frame()

    def offenders_above(self) -> int:
        """Counters that never reset or are over their limit, out of sight above the view."""
        first = int(self.scroll_offset.y)
        return sum(row.state in OFFENDERS for row in self.rows[:first])

    # -- the frame -------------------------------------------------------------------------------------------------

    def title_words(self) -> Words:
        if self.report is None:
            return []
        order = limit_rows.ORDERS[self.order]
        words = order.reversed_words if self.backwards else order.words
        if self.filter:
            words = f"{len(self.rows):,} of {len(self.report.rows):,}   {words}"
        taken = len(self.TITLE) + 6 + (len(self.filter.text) + 4 if self.filter else 0) + (8 if self.paused else 0)
        above = self.offenders_above()
        lost: Words = [(f"↑ {above:,} above", "crit")] if above else []
        taken += sum(len(text) + 2 for text, _ in lost)
        room, current = self.edge_room - taken, not self._is_unreadable
        return [*lost, *limit_words.verdict_words(self.report, self._states, room, words, current=current)]

    @property
    def _is_unreadable(self) -> bool:
        """Whether the newest try to read the counters failed."""
        return self.shown is not None and self.shown.fault is not None

    def truth(self) -> tuple[str, bool]:
        reading: Reading[Any] | None = self.shown
        target = safe_text(self.settings.redis.label)
        if reading is None:
            return truth_line(None, 0.0, source="redis", target=target), False
        moment = self.clock.mono()
        reading = replace(reading, retry_in=counted_down(reading.retry_in, moment - self.arrived_mono))
        past = moment - reading.taken_mono
        late = past > LATE_SECONDS + 3 * self.settings.refresh_seconds and not self.paused
        if reading.value is None:
            forms = outage_forms("no data yet", reading.fault, "redis", target, reading.retry_in)
            whole = truth_line(reading, moment, source="redis")
            return first_that_fits([whole, *forms], self.edge_room), reading.fault is not None
        forms = [truth_line(reading, moment, source="redis", counted=c) for c in limit_words.count_forms(reading.value)]
        if reading.fault is not None:
            forms += outage_forms(f"{age(past)} old", reading.fault, "redis", target, reading.retry_in)
        return first_that_fits(forms, self.edge_room), bool(reading.fault) or late

    def state(self) -> tuple[str, str]:
        report = self.report
        if report is None:
            return "○", "quiet"
        if not report.findings:
            return ("○", "warn") if self._is_unreadable else ("", "")
        mark = SEVERITY_MARKS[report.findings[0].severity]
        return mark.glyph, limit_rows.INKS[mark.tone]

    # -- what can be done with a row -------------------------------------------------------------------------------

    def explain_subject(self) -> str:
        return subject_of(self.selected) if self.selected is not None else self.TITLE.lower()

    def findings_here(self) -> list[Finding]:
        report = self.report
        if report is None:
            return []
        if (row := self.selected) is None:
            return list(report.findings)
        tenant = tenant_words(row.counter.tenant)
        return [
            finding
            for finding in report.findings
            if finding.subject in (subject_of(row), tenant, limit_subject(row.counter.operation))
            or (finding.subject.startswith("several ") and _explains(finding, row))
            or (finding.subject == "several tenants" and tenant in finding.message)
        ]

    def copy_name(self) -> str | None:
        return safe_text(self.selected.counter.key, 4096) if self.selected is not None else None

    def copy_forms(self) -> list[tuple[str, str]]:
        return limit_words.copy_forms(self.selected, self.settings) if self.selected is not None else []

    def show_tenant(self, text: str) -> None:
        """Show only tenants whose name holds ``text`` (each word of it)."""
        self.set_filter(" ".join(f"tenant:{word}" for word in text.split()))

    def action_sort(self) -> None:
        self._sort_by((self.order + 1) % len(limit_rows.ORDERS), False)

    def action_reverse(self) -> None:
        self._sort_by(self.order, not self.backwards)

    def _sort_by(self, order: int, backwards: bool) -> None:
        self.order, self.backwards = order, backwards
        self.refresh_rows()
        self.action_first()
        self.draw_frame()

    def action_first(self) -> None:
        super().action_first()
        self._moved_mono = -FOLLOW_SECONDS

    def action_open(self) -> None:
        """Show all of the tenant under the cursor."""
        if self.selected is not None:
            self.post_message(TenantRequested(self.selected.counter.tenant))

    def action_detail(self) -> None:
        """Open or close the detail of the counter under the cursor."""
        self.detailed = not self.detailed and self.selected is not None
        self._lay_foot()
        self.set_rows(self.rows)
        self.move_to(self.cursor)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y != 0 or self.report is None:
            return
        column = limit_rows.column_at(offset.x, self.scrollable_content_region.width)
        order = next((i for i, one in enumerate(limit_rows.ORDERS) if column and one.column == column), None)
        if order is not None:
            self._sort_by(order, order == self.order and not self.backwards)

    def export_lines(self) -> list[str]:
        width = max(120, self.size.width)
        lines = super().export_lines()
        foot: Any = "".join(text for text, _ in self.foot(self.foot_lines - 1, width)).strip()
        return [*lines, foot] if foot else lines
