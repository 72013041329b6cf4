"""Health: is it well, and if not, what is wrong. Draws the verdict and the measurements behind it; it makes none."""

from collections.abc import Hashable, Mapping
from typing import Any

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.health import HealthReport
from optimus_tui.contract.reading import Reading
from optimus_tui.settings.model import Settings
from optimus_tui.tui.messages import ToolRequested
from optimus_tui.tui.panes.base import Pane, Words
from optimus_tui.tui.panes.health import lines as health_lines
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.tui.panes.health.services import INKS, concerns
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.glyphs import OVERALL_MARKS
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.shell import curl, redis_cli
from optimus_tui.wording.truth import STILL_TODAY_SECONDS

LATE_SECONDS = 5.0
"""A report later than this and three intervals is called stale even if nobody reported a fault."""


class HealthPane(Pane):
    """Gateway, engine, Redis and Postgres with their latencies, the cache's hit rate, and all findings, worst first."""

    NAME = "health"
    NUMBER = 1
    TITLE = "Health"
    FIELDS = ("text", "rule", "subject", "severity")

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings)
        self._built_for = 0
        self._muted: Mapping[Hashable, float | None] = {}

    def mark_muted(self, muted: Mapping[Hashable, float | None]) -> None:
        """Findings that are muted are dimmed and say until when; they stay, and they count."""
        if muted != self._muted:
            self._muted = muted
            self.refresh_rows()

    # -- rows ------------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        width = self.scrollable_content_region.width
        if self.shown is None or width <= 0:
            return
        self._built_for = width
        self.set_rows(self._build(width))

    def _build(self, width: int) -> list[HealthLine]:
        waited = self.moment() - self.arrived_mono
        lines = health_lines.build(self.shown, self.settings, width, waited, self.clock.wall(), self._muted)
        if self.filter:
            lines = [line for line in lines if line.finding is None or self.filter.matches(self.row_fields(line))]
        return lines

    def row_fields(self, line: HealthLine) -> dict[str, str | float | None]:
        finding = line.finding
        if finding is None:
            return {"text": str(line.group)}
        return {
            "text": f"{finding.message} {finding.rule} {finding.subject} {finding.severity}",
            "rule": finding.rule,
            "subject": finding.subject,
            "severity": finding.severity,
        }

    def on_mount(self) -> None:
        # A scroll bar that comes or goes changes the width without a resize: the sentences are wrapped anew.
        self.watch(self, "show_vertical_scrollbar", self._scroll_bar_changed, init=False)

    def on_resize(self) -> None:
        super().on_resize()
        self._rewrap()

    def _scroll_bar_changed(self) -> None:
        self.call_after_refresh(self._rewrap)

    def _rewrap(self) -> None:
        if self.scrollable_content_region.width != self._built_for:
            self.refresh_rows()

    def tick(self) -> None:
        report: HealthReport | None = self.shown
        looks = (report.gateway, report.engine, report.server, report.postgres) if report else ()
        if self.is_on_screen and not self.paused and any(look is not None and look.retry_in for look in looks):
            self.refresh_rows()
        super().tick()

    def key_of(self, row: HealthLine) -> Hashable:
        return (row.group, row.part)

    def head(self, line: int, width: int) -> list[Piece]:
        return health_lines.head(self.shown, self.settings, width) if self.shown is not None else []

    def row(self, index: int, width: int) -> list[Piece]:
        pieces: list[Piece] = self.rows[index].pieces
        return pieces

    def is_marked(self, index: int) -> bool:
        group = self.group
        return group is not None and self.rows[index].group == group

    def empty_lines(self) -> list[str]:
        return [
            f"connecting to the gateway at {safe_text(self.settings.gateway_url)}",
            f"connecting to the engine at {safe_text(self.settings.engine_url)}",
            f"connecting to redis at {safe_text(self.settings.redis.label)}",
            "connecting to postgres" if self.settings.names_postgres else "postgres is not configured",
        ]

    # -- the cursor moves over groups ------------------------------------------------------------------------------

    @property
    def group(self) -> Any:
        """What the cursor is on: a dependency's name, a finding's (rule, subject), None between them."""
        return self.selected.group if self.selected is not None else None

    def move_to(self, index: int) -> None:
        """Put the cursor on the first line of the group at ``index``, all of it in view where that is possible."""
        if not self.rows:
            return
        index = max(0, min(len(self.rows) - 1, index))
        step = -1 if index < self.cursor else 1
        while self.rows[index].group is None and 0 <= index + step < len(self.rows):
            index += step
        group = self.rows[index].group
        first = next(i for i, row in enumerate(self.rows) if row.group == group)
        last = max(i for i, row in enumerate(self.rows) if row.group == group)
        super().move_to(min(last, first + self.page_size - 1))
        super().move_to(first)

    def action_move(self, by: int) -> None:
        at = self.cursor
        while 0 <= at < len(self.rows) and (self.rows[at].group == self.group or self.rows[at].group is None):
            at += 1 if by > 0 else -1
        if 0 <= at < len(self.rows):
            self.move_to(at)

    def action_open(self) -> None:
        """Open the tool that explains the finding under the cursor; elsewhere say what is behind the line, as ``e``."""
        if self.finding is not None:
            self.post_message(ToolRequested(self.finding))
            return
        self.call_later(self.app.run_action, "screen.explain", self)

    # -- the frame -------------------------------------------------------------------------------------------------

    def title_words(self) -> Words:
        report: HealthReport | None = self.shown
        if report is None:
            return []
        mark = OVERALL_MARKS[report.overall]
        return [(mark.text, INKS[mark.tone])]

    def truth(self) -> tuple[str, bool]:
        report: HealthReport | None = self.shown
        if report is None:
            return "connecting …", False
        looks: list[Reading[Any]] = [
            look for look in (report.gateway, report.engine, report.server, report.postgres) if look is not None
        ]
        if not looks:
            return "nobody has answered yet", False
        newest = max(looks, key=lambda look: look.taken_mono)
        past = self.clock.mono() - newest.taken_mono
        when = f"as of {clock(newest.taken_at, dated=past > STILL_TODAY_SECONDS)} ({age(past)})"
        if not report.probed:
            return when, False
        probes = f"probes {report.answered} of {report.probed}"
        late = past > LATE_SECONDS + 3 * self.settings.refresh_seconds and not self.paused
        forms = [f"{when} · {probes} answered", f"{when} · {probes}", f"{age(past)} old · {probes}"]
        return first_that_fits(forms, self.edge_room), late or report.answered == 0

    def state(self) -> tuple[str, str]:
        report: HealthReport | None = self.shown
        mark = OVERALL_MARKS[report.overall if report else "unknown"]
        return mark.glyph, INKS[mark.tone]

    # -- what can be done with a line ------------------------------------------------------------------------------

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor."""
        found: Finding | None = self.selected.finding if self.selected is not None else None
        return found

    def explain_subject(self) -> str:
        if self.finding is not None:
            return self.finding.subject
        report: HealthReport | None = self.shown
        if self._is_well() and report is not None and report.findings:
            return f"{report.findings[0].subject} (nothing is wrong with {self.group})"
        return self.group if isinstance(self.group, str) and self.group != "all" else self.TITLE.lower()

    def _is_well(self) -> bool:
        """The cursor is on a line of the table that no finding is about."""
        group, findings = self.group, self.shown.findings if self.shown is not None else ()
        named = isinstance(group, str) and group not in ("all", "version")
        return named and not any(concerns(finding, group) for finding in findings)

    def findings_here(self) -> list[Finding]:
        report: HealthReport | None = self.shown
        if report is None:
            return []
        group = self.group
        if group is None or group in ("all", "version"):
            return list(report.findings)
        if self.finding is not None:
            return [self.finding]
        # Findings come the worst first. Where none is about this line, the worst is what somebody may be looking for.
        return [finding for finding in report.findings if concerns(finding, group)] or list(report.findings[:1])

    def copy_name(self) -> str | None:
        if self.selected is None:
            return None
        if self.finding is not None:
            return self.finding.message
        return "".join(text for text, _ in self.selected.pieces).strip()

    def copy_forms(self) -> list[tuple[str, str]]:
        settings, group = self.settings, self.group
        gateway, redis = settings.gateway_url, settings.redis
        finding = self.finding
        if finding is not None:
            group = finding.subject
        forms = {
            "gateway": [
                ("curl: health", curl(f"{gateway}/health")),
                ("curl: cache metrics", curl(f"{gateway}/api/cache/metrics")),
                ("curl: limits in force", curl(f"{gateway}/api/rate-limits")),
            ],
            "engine": [("curl: health", curl(f"{settings.engine_url}/health"))],
            "redis": [("redis-cli PING", redis_cli(redis, ["PING"])), ("redis-cli INFO", redis_cli(redis, ["INFO"]))],
            "memory": [("redis-cli INFO memory", redis_cli(redis, ["INFO", "memory"]))],
            "hit rate": [
                ("curl: cache metrics", curl(f"{gateway}/api/cache/metrics")),
                ("redis-cli INFO stats", redis_cli(redis, ["INFO", "stats"])),
            ],
            "postgres": [("psql", 'psql "$POSTGRES_DSN" -c "SELECT 1"')],
        }
        found = list(forms.get(group, [])) if isinstance(group, str) else []
        if finding is not None:
            found.insert(0, ("the finding", f"{finding.severity}: {finding.message} ({finding.rule})"))
        return found

    def export_lines(self) -> list[str]:
        """Wrapped for 100 cells and more, whatever the pane's width is."""
        if self.shown is None:
            return [*self.empty_lines(), "", self.truth()[0]]
        width = max(100, self.size.width)
        mark = OVERALL_MARKS[self.shown.overall]
        lines = ["".join(text for text, _ in line.pieces).rstrip() for line in self._build(width)]
        head = "".join(text for text, _ in self.head(0, width)).rstrip()
        return [mark.text, "", head, *lines, "", self.truth()[0]]
