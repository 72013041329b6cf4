"""The top of one tenant's screen: its golden signals, its findings, and how old and complete all of it is."""

import re
from collections.abc import Hashable, Sequence
from typing import Any

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import CacheReport, FeedBatch, LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport
from optimus_tui.contract.signals import GoldenSignals
from optimus_tui.tui.messages import FindingRowRequested
from optimus_tui.tui.panes.health.finding_lines import finding_lines
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.tui.panes.health.signals import brief_lines, unknown_lines
from optimus_tui.tui.tenant.lists import TenantList
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.bars import Part
from optimus_tui.verdicts.limits.words import tenant_words
from optimus_tui.wording.numbers import age, clock, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.truth import coverage_words

FRAME_CELLS = 5
"""Border and padding at both sides, and the scroll bar."""
MOST_LINES, SHARE = 9, 5
"""Lines of signals and findings, at most this share of the screen's; with more of them the list scrolls."""


def of_tenant(findings: Sequence[Finding], tenant: bytes) -> tuple[Finding, ...]:
    """Return the findings whose subject or sentence names a tenant as a whole word."""
    name = tenant_words(tenant)
    either = "|".join(re.escape(one) for one in dict.fromkeys((name, short_names(name))))
    whole = re.compile(rf"(?<![\w:.-])(?:{either})(?![\w.-]|:\w)")
    return tuple(one for one in findings if whole.search(one.subject) or whole.search(one.message))


class SummaryList(TenantList):
    """The tenant's golden signals and the findings about it, the worst first."""

    TITLE = "Signals and findings"

    def __init__(self, tenant: bytes, clock: Clock) -> None:
        super().__init__(tenant, clock, id="tenant-summary")
        self.head_lines = 0
        self._report: HealthReport | None = None
        self.findings: tuple[Finding, ...] = ()
        """Those that name this tenant, the worst first."""

    def look(self, report: HealthReport | None) -> None:
        """Show the newest health report."""
        self._report = report
        self.empty = "connecting …"
        self.truth = ["no data yet"]
        if report is None:
            self.findings = ()
            return
        width = self.outer_size.width - FRAME_CELLS
        if width <= 0:
            return
        wall = self.clock.wall()
        own = self.findings = worst_first(of_tenant(report.findings, self.tenant))
        self.truth = [plural(len(own), "finding")]
        if report.signals is not None:
            self.truth.insert(0, f"{plural(len(own), 'finding')} · signals {age(wall - report.signals.taken_at)} old")
        lines = self._signals(report.signals, width, wall)
        if own:  # a small screen shows few lines: what is wrong comes first
            lines = [*finding_lines(replace(report, findings=own), width, wall, {}, is_whole=False), *lines]
        else:
            lines.append(HealthLine("none", 0, [("● ", "good"), ("No finding names this tenant.", "quiet")]))
        self.styles.height = min(MOST_LINES, self.screen.size.height // SHARE, len(lines)) + 2
        self.set_rows(lines)

    def _signals(self, signals: GoldenSignals | None, width: int, wall: float) -> list[HealthLine]:
        if signals is None:
            return unknown_lines("the gateway's counters were not read yet", width)
        own = signals.of_tenant(self.tenant)
        if own is not None:
            return brief_lines(replace(signals, total=own), width, wall)
        why = signals.tenants_why or f"no request of this tenant in {age(signals.seconds)}"
        if signals.more_tenants:
            why = f"it is not among the {len(signals.tenants):,} busiest tenants"
        return unknown_lines(why, width)

    def key_of(self, row: HealthLine) -> Hashable:
        """Identify a line by its group and its place in it."""
        return (row.group, row.part)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return a line, already wrapped to this width."""
        pieces: list[Piece] = self.rows[index].pieces
        return pieces

    def key_under_cursor(self) -> None:
        """Return None, because a line is not a key."""

    def findings_here(self) -> tuple[Finding, ...]:
        """Return the finding of the line under the cursor."""
        finding = None if self.selected is None else self.selected.finding
        if finding is None:
            return ()
        return (finding,)

    def acted_on(self) -> object:
        """Return the finding under the cursor, else the worst one of this tenant."""
        return next(iter(self.findings_here() or self.findings), None)

    def action_open(self) -> None:
        """Go to the row of the finding under the cursor."""
        finding = None if self.selected is None else self.selected.finding
        if finding is None:
            self.hint("this line is not a finding: Enter on a finding goes to its row")
        else:
            self.post_message(FindingRowRequested(finding))


FRESH_RANKS, FAULT_RANK = {"counters": 9, "keys": 10}, 2
"""When readings give way on the top line: what is as it should be before everything else, what is not at last."""


def reading_parts(
    limits: Reading[LimitsReport] | None,
    cache: Reading[CacheReport] | None,
    feed: FeedBatch | None,
    now: float,
) -> list[Part]:
    """Return as of when and how completely counters and keys were read, and whether the feed is live."""
    parts = [_reading_part("counters", limits, now), _reading_part("keys", cache, now)]
    if feed is not None and feed.status.state not in ("live", "none"):
        parts.append(Part(FAULT_RANK, [(f"  feed {feed.status.state}", "warning")]))
    return parts


def _reading_part(name: str, reading: Reading[Any] | None, now: float) -> Part:
    if reading is None or reading.value is None:
        return Part(FAULT_RANK, [(f"  {name}: no data yet", "warning")])
    if reading.fault is not None:
        old = f"  {name} {age(now - reading.taken_at)} old"
        return Part(FAULT_RANK, [(f"{old}: {safe_text(reading.fault.message, 40)}", "warning")])
    words, coverage = f"  {name} as of {clock(reading.taken_at)}", reading.value.coverage
    if coverage.complete:
        return Part(FRESH_RANKS[name], [(words, "")])
    return Part(FAULT_RANK, [(f"{words}, {coverage_words(coverage)}", "warning")])
