"""Gives reports of the sampling loops to their panes: at once what is urgent, the rest once a second in one paint."""

from typing import TYPE_CHECKING, cast

from optimus_tui.contract.keyspace import FeedBatch
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.alerts.controller import AlertsController
from optimus_tui.tui.drills import DrillController
from optimus_tui.tui.services import DashboardServices

if TYPE_CHECKING:
    from optimus_tui.contract.keyspace import KeyDetail
    from optimus_tui.tui.panes.cache.pane import CachePane


class ReportQueue:
    """Keeps the last report of each source until it is drawn."""

    def __init__(self, dashboard: DashboardServices, alerts: AlertsController, drills: DrillController) -> None:
        """Keep nothing yet.

        Args:
            dashboard: Whose panes are drawn.
            alerts: Sees every health report as it arrives.
            drills: Sees every health report as it is drawn.
        """
        self.dashboard, self.alerts, self.drills = dashboard, alerts, drills
        self._waiting: dict[str, object] = {}

    def put(self, subject: str, report: object) -> None:
        """Take a report. The first one of a pane and new events are drawn at once.

        Args:
            subject: A pane's name, or ``details`` for those of cache keys.
            report: What was read; its type depends on the subject.
        """
        if subject == "details":
            cast("CachePane", self.dashboard.pane("cache")).put_details(cast("tuple[KeyDetail, ...]", report))
            return
        if isinstance(report, HealthReport):
            self.alerts.announce(report)
        urgent = isinstance(report, FeedBatch) and report.items
        if urgent or self.dashboard.pane(subject).reading is None:
            self._waiting.pop(subject, None)
            self._draw(subject, report)
        else:
            self._waiting[subject] = report

    def draw_waiting(self) -> None:
        """Draw every report that waits."""
        while self._waiting:
            self._draw(*self._waiting.popitem())

    def _draw(self, subject: str, report: object) -> None:
        self.dashboard.pane(subject).reading = report
        if isinstance(report, HealthReport):
            self.dashboard.health = report
            self.drills.watch_report(report)
            self.dashboard.draw_status()
