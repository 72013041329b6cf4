"""The pane of rate limits: one row for each tenant and operation, the most urgent first. It draws verdicts only."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import events

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import LimitRow, LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport
from optimus_tui.contract.signals import GoldenSignals, same_refusals, with_refusals
from optimus_tui.dialects.layout import key_of
from optimus_tui.grammar.filter import words_filter
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import TenantRequested
from optimus_tui.tui.panes.base import Pane, PaneContent, Words
from optimus_tui.tui.panes.limits import lines as limit_lines
from optimus_tui.tui.panes.limits.ordering import Ordered, RowOrdering
from optimus_tui.tui.panes.limits.table import STATE_STYLES, TABLE, LimitNow, expected_words, reset_words
from optimus_tui.tui.theme import Piece, plain_text
from optimus_tui.tui.widgets.cells import first_that_fits
from optimus_tui.tui.widgets.row_table import RowTable
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.wording.numbers import age
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS, counted_down, fault_lines, outage_forms, truth_line

FOLLOW_SECONDS = 10.0
"""For so long after a move of the cursor the view goes with its row; later it stays, so that what is hottest shows."""
DETAIL_LINES = 5
NAMED_ROWS = 1_000
"""Rows whose names the prompt of ``/`` completes."""
MEASURED_ROWS = 200
"""Rows to which the columns are fitted, beside those in view."""
OFFENDERS = ("immortal", "over")


class LimitsContent(PaneContent):
    """Counters, in the chosen order."""

    pane: "LimitsPane"

    def __init__(self, pane: "LimitsPane") -> None:
        super().__init__(pane)
        self.order = limit_lines.ORDERS[0]
        self.backwards = False
        self.moved_mono = -FOLLOW_SECONDS
        """When the cursor was moved last, by the monotonic clock."""
        self.states: Mapping[str, int] = {}
        """How many counters are in each state."""
        self.columns = RowTable(TABLE)
        self._measured: list[object] = []
        """The looks of the rows that the columns were measured for."""
        self._drawn: dict[int, tuple[object, dict[bytes, tuple[object, list[Piece]]]]] = {}
        """By width the table and, by key, the look and the line of each row that was drawn."""
        self.held: Sequence[Finding] = ()
        """What the health report holds because of the windows before: the title says no better."""
        self.detailed = False
        """The foot shows the counter under the cursor in detail."""
        self.signals: GoldenSignals | None = None
        """The golden signals that the health pane shows: refusals here are of the same requests and the same span."""
        self._told: tuple[LimitsReport, GoldenSignals | None, LimitsReport] | None = None
        """The report as it was read, the signals, and the report with their refusals."""

    @property
    def report(self) -> LimitsReport | None:
        """Return the shown report, with the refusals that the health pane shows; None before the first answer."""
        reading: Reading[LimitsReport] | None = self.pane.shown
        if reading is None or reading.value is None:
            return None
        if self._told is None or self._told[0] is not reading.value or self._told[1] is not self.signals:
            self._told = reading.value, self.signals, with_refusals(reading.value, self.signals)
        return self._told[2]

    # -- lines

    def key_of(self, row: LimitRow) -> bytes:
        """Identify a counter by its key."""
        return row.counter.key

    def view_follows(self) -> bool:
        """Return True for a while after the cursor was moved: the view then follows the cursor's row."""
        return self.pane.clock.mono() - self.moved_mono < FOLLOW_SECONDS

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the titles; the one that the rows are sorted by is highlighted."""
        if self.report is None:
            return []
        by = {"used": ("used", "limit")}.get(self.order.column, (self.order.column,))
        return self.columns.table.head(width, by)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return one counter's line, its countdown as of now."""
        now, table = LimitNow(self.pane.rows[index], self.pane.shown_mono(), self.report), self.columns.table
        known, key, look = self._drawn.get(width), now.row.counter.key, now.look
        if known is None or known[0] is not table or len(known[1]) > MEASURED_ROWS:
            self._drawn = {width: (known := (table, {}))}
        made = known[1].get(key)
        if made is None or made[0] != look:
            made = known[1][key] = look, table.row(now, width)
        return made[1]

    def changing(self, index: int) -> object:
        """Return the words of one counter that time alone changes: its countdown and its forecast."""
        row, mono = self.pane.rows[index], self.pane.shown_mono()
        return LimitNow(row, mono).ended, reset_words(row, mono), expected_words(row, mono)

    def measure(self) -> None:
        """Fit the columns to the first rows and those in view."""
        rows, mono, report = self.pane.rows, self.pane.shown_mono(), self.report
        seen = [*rows[:MEASURED_ROWS], *(rows[at] for at in self.pane.visible_range() if at >= MEASURED_ROWS)]
        lines = [LimitNow(row, mono, report) for row in seen]
        looks = [line.look for line in lines]
        if looks == self._measured:
            self.columns.measure_same()
        else:
            self.columns.measure(lines)
        self._measured = looks

    def foot_height(self) -> int:
        """Return the number of lines below the rows."""
        unknown = self.report is not None and self.report.rules is None and bool(self.report.rows)
        return 2 + unknown + DETAIL_LINES * self.detailed

    def foot(self, line: int, width: int) -> list[Piece]:
        """Return the details of the counter under the cursor, a note if no limit is known, and the tenants."""
        report, row = self.report, self.pane.selected
        if report is None:
            return []
        from_below = self.pane.foot_lines - 1 - line
        if from_below == 0:
            if not self.looks_for_counters and not report.total:
                return []
            return limit_lines.tenants_line(report, self.pane.settings.thresholds.limit_keys, width)
        if report.rules is None and from_below == 1:
            return limit_lines.rules_note(report, width, self.pane.settings.dialect)
        if not self.detailed or row is None or line >= DETAIL_LINES:
            return []
        closely = limit_lines.detail_lines(row, report, width, self.pane.shown_mono())
        return [[("─" * width, "quiet")], *closely][line]

    def empty_lines(self) -> list[str]:
        """Return the lines that say why there is no counter."""
        reading: Reading[LimitsReport] | None = self.pane.shown
        if reading is None:
            return [f"connecting to redis at {safe_text(self.pane.settings.redis.label)} …"]
        if self.pane.ordering.is_working:
            return ["sorting the counters …"]
        if reading.value is not None:
            return list(limit_lines.empty_words(reading.value, self.pane.filter.text, self.pane.settings.profile))
        return fault_lines(reading.fault, "no answer yet")

    # -- the frame

    def offenders_above(self) -> int:
        """Return how many counters above the view never reset or are over their limit."""
        return sum(row.state in OFFENDERS for row in self.pane.rows[: int(self.pane.scroll_offset.y)])

    def title_words(self) -> Words:
        """Return the offenders above the view, the verdict and the order, as far as there is room."""
        pane, report = self.pane, self.report
        if report is None:
            return []
        words = self.order.reversed_words if self.backwards else self.order.words
        if pane.ordering.is_working:
            words = "sorting …"
        taken = len(pane.TITLE) + 6
        if pane.filter:
            words = f"{len(pane.rows):,} of {len(report.rows):,}   {words}"
            taken += len(pane.filter.text) + 4
        if pane.paused:
            taken += 8
        above = self.offenders_above()
        lost: Words = []
        if above:
            lost.append((f"↑ {above:,} above", "crit"))
        room = self.edge_room - taken - sum(len(text) + 2 for text, _ in lost)
        current = not self._is_unreadable
        return [
            *lost,
            *limit_lines.verdict_words(report, self.states, room, words, current=current, held=self.held),
        ]

    @property
    def _is_unreadable(self) -> bool:
        """Return True if the newest try to read the counters failed."""
        return self.pane.shown is not None and self.pane.shown.fault is not None

    @property
    def looks_for_counters(self) -> bool:
        """Return False if the profile in force has no rules for counters."""
        profile = self.pane.settings.dialect
        return profile is None or bool(profile.limits)

    def reading_truth(self) -> tuple[str, bool]:
        """Return when and how many counters were read, and what is wrong with Redis."""
        pane = self.pane
        reading: Reading[Any] | None = pane.shown
        target = safe_text(pane.settings.redis.label)
        if reading is None:
            return truth_line(None, 0.0, source="redis", target=target), False
        mono = pane.clock.mono()
        reading = replace(reading, retry_in=counted_down(reading.retry_in, mono - pane.arrived_mono))
        past = mono - reading.taken_mono
        if reading.value is None:
            forms = outage_forms("no data yet", reading.fault, "redis", target, reading.retry_in)
            whole = truth_line(reading, mono, source="redis")
            return first_that_fits([whole, *forms], self.edge_room), reading.fault is not None
        counted = limit_lines.count_forms(reading.value, looked_for=self.looks_for_counters)
        forms = [truth_line(reading, mono, source="redis", counted=c) for c in counted]
        if reading.fault is not None:
            forms += outage_forms(f"{age(past)} old", reading.fault, "redis", target, reading.retry_in)
        return first_that_fits(forms, self.edge_room), bool(reading.fault) or self.is_late(past)

    def state(self) -> tuple[str, str]:
        """Return the mark of the worst finding that the title tells of, too: what is past has none."""
        report = self.report
        if report is None:
            return "○", "quiet"
        if told := [one for one in report.findings if limit_lines.is_told(one)]:
            mark = SEVERITY_MARKS[told[0].severity]
            return mark.glyph, STATE_STYLES[mark.severity_style]
        if self._is_unreadable:
            return "○", "warn"
        return "", ""

    # -- what can be done with a row

    def explain_subject(self) -> str:
        """Return the tenant and operation under the cursor."""
        if self.pane.selected is None:
            return super().explain_subject()
        return subject_of(self.pane.selected)

    def findings_here(self) -> list[Finding]:
        """Return the findings about the counter under the cursor, its tenant or its limit."""
        if self.report is None:
            return []
        row: LimitRow | None = self.pane.selected
        if row is None:
            return list(self.report.findings)
        return limit_lines.findings_about(row, self.report.findings)

    def names_shown(self) -> list[str]:
        """Return tenants and operations of the most urgent counters."""
        rows = [] if self.report is None else self.report.rows[:NAMED_ROWS]
        return [safe_text(name, 200) for row in rows for name in (row.counter.tenant, row.counter.operation)]

    def tenant_here(self) -> bytes | None:
        """Return the tenant of the counter under the cursor."""
        return self.pane.selected.counter.tenant if self.pane.selected is not None else None

    def copy_name(self) -> str | None:
        """Return the counter's key."""
        if self.pane.selected is None:
            return None
        return safe_text(key_of(self.pane.selected.counter.key), 4096)

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return shell lines that read the counter."""
        row: LimitRow | None = self.pane.selected
        if row is None:
            return []
        return limit_lines.copy_forms(row, self.pane.settings)

    def export_lines(self, width: int) -> list[str]:
        """Return the rows and the tenants, at least 120 cells wide."""
        lines = super().export_lines(width)
        tenants = plain_text(self.foot(self.pane.foot_lines - 1, max(120, width))).strip()
        if tenants:
            lines.append(tenants)
        return lines


class LimitsPane(Pane):
    """Counters against their limits. Counters that never reset are on top, then those over and near their limit.

    Filter by tenant:, operation:, state:, and by count, limit, percent, share, ttl, slope: percent>80 ttl<30.
    """

    NAME = "limits"
    NUMBER = 2
    TITLE = "Rate limits"
    BINDINGS: ClassVar[Any] = bindings("limits")
    FIELDS = limit_lines.LimitFields.NAMES

    content: LimitsContent
    foot_lines = 2

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings, LimitsContent(self))
        self.ordering = RowOrdering(self)
        self._followed_to = 0
        """Where the view went from its top with the cursor's row; 0 while it did not."""

    def refresh_rows(self) -> None:
        """Filter and sort the counters."""
        self.ordering.begin()

    def show_rows(self, ordered: Ordered) -> None:
        """Show counters that were put in order."""
        self.foot_lines = self.content.foot_height()
        self.rows, self.content.states = ordered
        self.content.measure()
        self.set_rows(self.rows)

    def show_tenant(self, text: str) -> None:
        """Show only tenants whose name contains each word of ``text``."""
        self.set_filter(words_filter("tenant", text))

    def follow(self, health: HealthReport) -> None:
        """Take the health report's findings about earlier windows, and its refusals: both panes say the same."""
        held = [one for one in health.findings if one.held and one.rule.startswith("limits.")]
        if held != self.content.held:
            self.content.held = held
            self.draw_frame()
        if not (self.paused or same_refusals(health.signals, self.content.signals)):
            self.content.signals = health.signals
            if self.shown is not None and self.is_mounted:
                self.refresh_rows()

    # -- the cursor and the view

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, and let the view follow it for a while."""
        self.content.moved_mono, self._followed_to = self.clock.mono(), 0
        super().move_to(index)

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows. A view that followed the cursor's row returns to the top when that ends."""
        first = int(self.scroll_offset.y)
        super().set_rows(rows)
        now = int(self.scroll_offset.y)
        if first == 0 and now and self.content.view_follows():
            self._followed_to = now
        elif self._followed_to and first == self._followed_to:
            self._followed_to = now
            if not self.content.view_follows():
                self._followed_to = 0
                self.jump_to(0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Update the number of offenders above the view."""
        super().watch_scroll_y(old_value, new_value)
        self.draw_frame()

    def action_first(self) -> None:
        """Move to the top; the view stays there whichever row comes first."""
        super().action_first()
        self.content.moved_mono = -FOLLOW_SECONDS

    # -- order and detail

    def action_sort(self) -> None:
        """Sort by the next column."""
        at = limit_lines.ORDERS.index(self.content.order)
        self._sort_by(limit_lines.ORDERS[(at + 1) % len(limit_lines.ORDERS)], False)

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort_by(self.content.order, not self.content.backwards)

    def _sort_by(self, order: limit_lines.Order, backwards: bool) -> None:
        self.content.order, self.content.backwards = order, backwards
        self.refresh_rows()
        self.action_first()
        self.draw_frame()

    def on_click(self, event: events.Click) -> None:
        """Sort by the column whose title was clicked; a second click reverses the order."""
        offset, content = event.get_content_offset(self), self.content
        if offset is None or offset.y != 0 or content.report is None:
            return
        column = limit_lines.sorting_column(content.columns.table, offset.x, self.body_width)
        order = next((order for order in limit_lines.ORDERS if column and order.column == column), None)
        if order is not None:
            self._sort_by(order, order is content.order and not content.backwards)

    def action_open(self) -> None:
        """Show the screen of the tenant under the cursor."""
        if self.selected is not None:
            self.post_message(TenantRequested(self.selected.counter.tenant))

    def action_detail(self) -> None:
        """Open or close the detail of the counter under the cursor."""
        self.content.detailed = not self.content.detailed and self.selected is not None
        self.foot_lines = self.content.foot_height()
        self.set_rows(self.rows)
        self.move_to(self.cursor)
