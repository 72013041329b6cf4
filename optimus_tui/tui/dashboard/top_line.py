"""Collect the facts of the line on top of every screen from the controllers that know them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimus_tui.tui.dashboard.status_line import PRODUCT, status_words
from optimus_tui.tui.panes.health.verdict import verdict_of
from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.widgets.bars import Part, Words
from optimus_tui.workflow.proof import UNDER_WAY

if TYPE_CHECKING:
    from optimus_tui.tui.actions.controller import ActionsController
    from optimus_tui.tui.alerts.controller import AlertsController
    from optimus_tui.tui.drills import DrillController
    from optimus_tui.tui.incidents.controller import IncidentController


class StatusLine:
    """Mode, proof and notes at the left; verdict, own requests and clock at the right."""

    def __init__(
        self,
        dashboard: DashboardServices,
        actions: "ActionsController",
        alerts: "AlertsController",
        incidents: "IncidentController",
        drills: "DrillController",
    ) -> None:
        self.dashboard, self.actions, self.alerts = dashboard, actions, alerts
        self.incidents, self.drills = incidents, drills

    def words(self, start: Sequence[Part], width: int) -> tuple[Words, Words]:
        """Return the words at the left and at the right of the line.

        Args:
            start: What the line begins with, such as the product's name.
            width: Columns.
        """
        dashboard, context = self.dashboard, self.dashboard.context
        note, muted, said = self.drills.status_note(), self.alerts.mark_quiet(), self.incidents.status_words()
        if self.drills.under_way:
            said = f"{self.drills.under_way}: {UNDER_WAY}", "accent"
        if note is not None and start is not PRODUCT:  # the next step is a key of the panes: here its clock is enough
            note = note[0][-1:], note[1]
        shown = verdict_of(dashboard.health, self.alerts.explained)
        own, wall = context.own.rate(context.clock.mono()), context.clock.wall()
        mode = self.actions.mode_words(self.drills.clock_text())
        return status_words(dashboard.settings, note, shown, own, wall, width, mode, muted, said, start)
