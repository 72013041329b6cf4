"""The health pane: whether everything is well, and if not, what is wrong. It draws verdicts and makes none."""

from collections.abc import Container, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport
from optimus_tui.settings.model import Settings
from optimus_tui.tui.messages import FindingRowRequested, TenantRequested
from optimus_tui.tui.panes.base import Pane, PaneContent, Words
from optimus_tui.tui.panes.health import lines as health_lines
from optimus_tui.tui.panes.health.finding_lines import (
    NO_REMEDIES,
    QuietReason,
    finding_count,
    finding_keys,
    finding_lines,
    settling,
)
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.tui.panes.health.memory import memory_lines
from optimus_tui.tui.panes.health.row_verdicts import concerns, is_row_of
from optimus_tui.tui.panes.health.signals import SteadyTables, brief_lines, signal_lines, tenant_lines
from optimus_tui.tui.panes.health.verdict import unexplained, verdict_of
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece, plain_text
from optimus_tui.tui.widgets.cells import first_that_fits
from optimus_tui.wording.numbers import age, clock
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import STILL_TODAY_SECONDS

if TYPE_CHECKING:
    from optimus_tui.tui.actions.remedy_text import RowRemedy

SHORT_LINES = 15
"""Lines of the pane below which findings come right after the dependencies."""
THINGS = {
    "gateway": "the gateway",
    "engine": "the engine",
    "redis": "Redis",
    "postgres": "Postgres",
    "hit rate": "the hit rate",
    "memory": "the memory of Redis",
    "cluster": "the cluster",
    "sentinel": "the sentinels",
}
"""What sentences call the lines of the table."""
SPARE_LINES = 3
"""Lines that have to be free before the signals take a line each again: a finding that comes and goes moves nothing."""
TENANT_EXTRAS = 4
"""Lines around the tenants: a blank one, their titles, and how many are left out or what is unknown of them."""


def _cluster_lines(report: HealthReport, width: int, most: int) -> list[HealthLine]:
    """Return the lines of a cluster, or behind sentinels; what draws them is loaded where there are any."""
    state = report.server.value if report.server is not None else None
    if state is None or (state.cluster is None and state.sentinels is None):
        return []
    from optimus_tui.tui.panes.health.nodes import cluster_lines

    return cluster_lines(report, width, most)


def unchanged(self: PaneContent, index: int) -> object:
    """Return that time changes nothing of a line: what it changes makes new lines."""
    return None


class HealthContent(PaneContent):
    """Dependencies and findings, line by line."""

    quiet: Mapping[Hashable, QuietReason] = {}
    """Findings that are no alarm now, by rule and subject, with why: a mute, or a restart that was done from here."""
    explained: Container[Hashable] = frozenset()
    """Those of them that follow from what was done here, or whose figures are of before it."""
    remedies = NO_REMEDIES
    """What to do about findings, by rule and subject."""
    changing = unchanged
    is_advising = False
    """True if each finding shows its remedy. If not, later findings leave out one that would need a further line."""
    is_brief = False
    """The golden signals take two lines together. They get a line each once there is more room than that needs."""

    def __init__(self, pane: Pane) -> None:
        super().__init__(pane)
        self.tables = SteadyTables()
        self._titles = health_lines.Titles()

    @property
    def report(self) -> HealthReport | None:
        """Return the shown report; None before the first."""
        report: HealthReport | None = self.pane.shown
        return report

    def looks(self) -> Sequence[Reading[Any]]:
        """Return the readings of the dependencies that were read at all."""
        report = self.report
        if report is None:
            return []
        return [look for look in (report.gateway, report.engine, report.server, report.postgres) if look is not None]

    # -- lines

    def build(self, width: int, height: int = 1000) -> list[HealthLine]:
        """Return all lines for this width; a filter applies to findings and tenants.

        Findings stand right below the dependencies, whatever else there is room for: what is being read stays in its
        place. The golden signals take a line each if everything fits into ``height`` lines, else two lines together.
        """
        pane, wall, report = self.pane, self.pane.clock.wall(), self.pane.shown
        waited = pane.shown_mono() - pane.arrived_mono
        judged = unexplained(report, self.explained)
        start = health_lines.dependency_lines(judged, pane.settings, width, waited, settling(report, self.quiet))
        memory = [*memory_lines(report, width, wall), *_cluster_lines(report, width, height // 4)]
        found = self._finding_lines(report, width, height - len(start))
        if pane.filter:
            found = [line for line in found if line.finding is None or self._passes(line.finding)]
        blank = HealthLine(None, 0, [])
        signals, tenants = list[HealthLine](), list[HealthLine]()
        if report.signals is not None:
            signals = [blank, *signal_lines(report.signals, width, wall, self.tables), blank]
            spare = height - len(start) - len(memory) - len(signals) - len(found)
            self.is_brief = spare < SPARE_LINES * self.is_brief
            if self.is_brief:
                signals = brief_lines(report.signals, width, wall)
            used = len(start) + len(memory) + len(signals) + len(found) + bool(report.findings)
            tenants = tenant_lines(report, width, height - used - TENANT_EXTRAS, self.tables, pane.filter)
        keys = finding_keys(width) if report.findings else blank
        if report.findings and pane.filter:
            keys = finding_count(sum(map(self._passes, report.findings)), len(report.findings))
        if signals and signals[-1] is blank:
            signals.pop()
        first = height < SHORT_LINES or bool(report.findings)
        lines = [*start, keys, *found, blank, *memory, *signals] if first else [*start, *memory, *signals, keys, *found]
        if tenants:
            is_title_alone = height - len(lines) == 2  # no row would stand below the title: it goes below the fold, too
            lines += [blank, *[blank] * is_title_alone, *tenants]
        return lines

    def _finding_lines(self, report: HealthReport, width: int, height: int) -> list[HealthLine]:
        """Return the lines of the findings; in less than ``height`` lines each has its remedy."""
        wall, is_whole = self.pane.clock.wall(), not self.pane.filter
        marks = self.quiet, self.remedies
        found = finding_lines(report, width, wall, *marks, is_whole=is_whole)
        self.is_advising = height - len(found) > SPARE_LINES * (not self.is_advising)
        if self.is_advising:
            return found
        return finding_lines(report, width, wall, *marks, is_whole=is_whole, is_roomy=False)

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the titles of the table."""
        if self.report is None:
            return []
        return self._titles.of(self.report, self.pane.settings, width)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return a line, which was made for the pane's width."""
        pieces: list[Piece] = self.pane.rows[index].pieces
        return pieces

    def _passes(self, finding: Finding) -> bool:
        return self.pane.filter.matches(_fields(finding))

    def can_mark(self, row: HealthLine) -> bool:
        """Return True for the first line of a group: titles and blank lines belong to none."""
        return row.group is not None and row.part == 0

    def key_of(self, row: HealthLine) -> Hashable:
        """Identify a line by its group and its place in it."""
        return (row.group, row.part)

    def is_marked(self, index: int) -> bool:
        """Return True for all lines of the group under the cursor."""
        group = self.group
        return group is not None and bool(self.pane.rows[index].group == group)

    def empty_lines(self) -> list[str]:
        """Return the lines that say which services are being connected to."""
        settings = self.pane.settings
        return [
            f"connecting to the gateway at {safe_text(settings.gateway_url)}",
            f"connecting to the engine at {safe_text(settings.engine_url)}",
            f"connecting to redis at {safe_text(settings.redis.label)}",
            "connecting to postgres" if settings.names_postgres else "postgres is not configured",
        ]

    # -- the frame

    def title_words(self) -> Words:
        """Return the verdict."""
        if self.report is None:
            return []
        mark = verdict_of(self.report, self.explained)
        return [(mark.text, SEVERITY_TEXT_STYLES[mark.severity_style])]

    def reading_truth(self) -> tuple[str, bool]:
        """Return when the newest dependency was read, and how many answered."""
        report, looks = self.report, self.looks()
        if report is None:
            return "connecting …", False
        if not looks:
            return "no service has answered yet", False
        newest = max(looks, key=lambda look: look.taken_mono)
        past = self.pane.clock.mono() - newest.taken_mono
        when = f"as of {clock(newest.taken_at, dated=past > STILL_TODAY_SECONDS)} ({age(past)})"
        if not report.probed:
            return when, False
        probes = f"probes {report.answered} of {report.probed}"
        forms = [f"{when} · {probes} answered", f"{when} · {probes}", f"{age(past)} old · {probes}"]
        return first_that_fits(forms, self.edge_room), self.is_late(past) or report.answered == 0

    def state(self) -> tuple[str, str]:
        """Return the verdict's glyph and its style."""
        mark = verdict_of(self.report, self.explained)
        return mark.glyph, SEVERITY_TEXT_STYLES[mark.severity_style]

    # -- what can be done with a line

    @property
    def group(self) -> Any:
        """Return the group under the cursor: a dependency's name, a finding's (rule, subject), or None between them."""
        line: HealthLine | None = self.pane.selected
        return line and line.group

    @property
    def finding(self) -> Finding | None:
        """Return the finding under the cursor; None on other lines."""
        line: HealthLine | None = self.pane.selected
        if line is None:
            return None
        return line.finding

    def findings(self) -> Sequence[Finding]:
        """Return all findings, the worst first."""
        if self.report is None:
            return ()
        return self.report.findings

    def findings_here(self) -> list[Finding]:
        """Return the finding under the cursor, else those about the dependency there, else all, the worst first."""
        if self.finding is not None and not self._is_unmoved():
            return [self.finding]
        findings, group = self.findings(), self.group
        if self._is_unmoved() or group is None or group in ("all", "version"):
            return list(findings)
        # Findings come the worst first. Where none is about this line, the worst is what somebody may be looking for.
        return self._about(group) or list(findings[:1])

    def _about(self, name: str) -> list[Finding]:
        """Return the findings about a line of the table, and those whose row it is because they have none."""
        return [one for one in self.findings() if concerns(one, name) or is_row_of(one, name)]

    def names_shown(self) -> list[str]:
        """Return the words of the findings' subjects."""
        return [word for finding in self.findings() for word in safe_text(finding.subject, 200).split() if word != "/"]

    def explain_subject(self) -> str:
        """Return the finding's subject or the dependency's name."""
        if self.findings() and self._is_unmoved():
            return self.findings()[0].subject
        if self.finding is not None:
            return self.finding.subject
        named = self.group in THINGS
        if self.findings() and not self._about(self.group):
            here = f"Nothing is wrong with {THINGS[self.group]}. Elsewhere: " if named and self._is_read() else ""
            return here + self.findings()[0].subject
        return self.group if named else super().explain_subject()

    def _is_unmoved(self) -> bool:
        """Return True if the cursor was never moved: it chose no line yet."""
        return self.pane.row_key.key is None and self.pane.cursor == 0

    def _is_read(self) -> bool:
        """Return True if what the cursor is on was read: only then its lack of findings says that it is well."""
        report = self.report
        if report is None:
            return False
        return {
            "gateway": report.gateway,
            "engine": report.engine,
            "postgres": report.postgres,
            "hit rate": report.hit_rate,
        }.get(self.group, report.server) is not None

    def tenant_here(self) -> bytes | None:
        """Return the tenant of the line under the cursor, in the table of tenants."""
        group = self.group
        if isinstance(group, tuple) and group[0] == "tenant":
            return str(group[1]).encode("utf-8", "surrogateescape")
        return None

    def copy_name(self) -> str | None:
        """Return the finding's sentence, or the text of the line."""
        if self.pane.selected is None:
            return None
        if self.finding is not None:
            return self.finding.message
        return plain_text(self.pane.selected.pieces).strip()

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the finding, and shell commands that check the same dependency."""
        from optimus_tui.tui.panes.health.copies import copies

        return copies(self.group, self.finding, self.pane.settings)

    def export_lines(self, width: int) -> list[str]:
        """Return the lines wrapped for 100 cells and more, whatever the pane's width is."""
        if self.report is None:
            return [*self.empty_lines(), "", self.truth()[0]]
        width = max(100, width)
        lines = [plain_text(line.pieces) for line in self.build(width)]
        verdict, head = verdict_of(self.report, self.explained).text, plain_text(self.head(0, width))
        return [verdict, "", head, *lines, "", self.truth()[0]]


def _fields(finding: Finding) -> dict[str, str | float | None]:
    """Return what a filter looks at."""
    return {
        "text": f"{finding.message} {finding.rule} {finding.subject} {finding.severity}",
        "rule": finding.rule,
        "subject": finding.subject,
        "severity": finding.severity,
    }


class HealthPane(Pane):
    """Gateway, engine, Redis and Postgres with their latencies, the cache's hit rate, and all findings.

    First the findings that are true now, the worst on top; then those that are not true at present but may come back;
    then notes. An effect is listed below its cause.
    """

    NAME = "health"
    NUMBER = 1
    TITLE = "Health"
    FIELDS = ("text", "rule", "subject", "severity")

    content: HealthContent

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings, HealthContent(self))
        self._built_for = self._built_high = 0
        self._built_marked = False

    def mark_quiet(
        self,
        quiet: Mapping[Hashable, QuietReason],
        explained: Container[Hashable],
        remedies: "Mapping[Hashable, RowRemedy]",
    ) -> None:
        """Dim findings that are no alarm now, with the reason, and say what to do about the others.

        They stay listed; those not ``explained`` decide the verdict.
        """
        content, marks = self.content, (quiet, explained, remedies)
        if marks != (content.quiet, content.explained, content.remedies):
            content.quiet, content.explained, content.remedies = marks
            self.refresh_rows()
            self.draw_frame()

    def refresh_rows(self) -> None:
        """Make the lines for this width."""
        if self.shown is not None and self.body_width > 0:
            self._built_for, self._built_high, self._built_marked = self._room()
            self.set_rows(self.content.build(self.row_marks.room(self._built_for), self._built_high))

    def _room(self) -> tuple[int, int, bool]:
        """Return the cells and lines that there are, and whether marks take some of them."""
        return self.body_width, self.page_size, bool(self.row_marks)

    def on_mount(self) -> None:
        """Wrap again when a scroll bar comes or goes: that changes the width without a resize."""
        self.watch(self, "show_vertical_scrollbar", self._scroll_bar_changed, init=False)

    def on_resize(self) -> None:
        """Wrap to the new width."""
        super().on_resize()
        self._wrap()

    def measure(self) -> None:
        """Compute how far the list scrolls; wrap again when the column of marks appears or disappears."""
        super().measure()
        if bool(self.row_marks) != self._built_marked:
            self.refresh_rows()

    def _scroll_bar_changed(self) -> None:
        self.call_after_refresh(self._wrap)

    def _wrap(self) -> None:
        if self._room() != (self._built_for, self._built_high, self._built_marked):
            self.refresh_rows()

    def tick(self, *, is_drawn: bool = False) -> None:
        """Redraw the pane, too, while it counts down the seconds until a source is tried again."""
        waits = not (is_drawn or self.paused) and any(look.retry_in for look in self.content.looks())
        if not waits:
            super().tick(is_drawn=is_drawn)
            return
        if self.is_on_screen:
            self.refresh_rows()
        self.draw_frame()

    # -- the cursor moves over groups

    def move_to(self, index: int) -> None:
        """Put the cursor on the first line of the group at ``index``, and show the whole group if it fits."""
        if not self.rows:
            return
        index = max(0, min(len(self.rows) - 1, index))
        step = -1 if index < self.cursor else 1
        for way in (step, -step):  # the last lines may belong to no group
            while self.rows[index].group is None and 0 <= index + way < len(self.rows):
                index += way
        places = [i for i, row in enumerate(self.rows) if row.group == self.rows[index].group]
        super().move_to(min(places[-1], places[0] + self.page_size - 1))
        super().move_to(places[0])

    def action_move(self, by: int) -> None:
        """Move to the group before or after this one."""
        at, group = self.cursor, self.content.group
        step = 1 if by > 0 else -1
        while 0 <= at < len(self.rows) and self.rows[at].group in (group, None):
            at += step
        if 0 <= at < len(self.rows):
            self.move_to(at)

    def action_open(self) -> None:
        """Go to the row of the finding, or to the tenant; on other lines explain, as ``e`` does."""
        if (tenant := self.content.tenant_here()) is not None:
            self.post_message(TenantRequested(tenant))
        elif self.content.finding is not None:
            self.post_message(FindingRowRequested(self.content.finding))
        else:
            self.call_later(self.app.run_action, "screen.explain", self)
