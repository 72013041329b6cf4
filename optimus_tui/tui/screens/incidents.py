"""The dashboard's hand on incidents: opens one or takes one up again, keeps it while the panes stay live, pins rows.

Nothing of the workflow is imported before somebody presses ``i``. The incident belongs to the dashboard, not to the
screen that shows it: leaving that screen leaves the incident open.
"""

import asyncio
from typing import TYPE_CHECKING

from textual import work

from optimus_tui.contract.actions import Receipt
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.tui.actions.controller import ActionsController
from optimus_tui.tui.actions.interrupted import InterruptedActions, holds
from optimus_tui.tui.screens.base import DashboardBase
from optimus_tui.wording.age import ago
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.standing import severity_words

if TYPE_CHECKING:
    from optimus_tui.incidents.open import Listed
    from optimus_tui.incidents.service import IncidentService
    from optimus_tui.tui.services import IncidentRecord

OFFERED = 8
"""Incidents that a start offers to resume; the command line lists the others."""


class Incidents(DashboardBase):
    """Opens, resumes, shows, lets go."""

    actions: ActionsController
    interrupted: InterruptedActions
    incident_service: "IncidentService | None" = None

    def open_incidents(self) -> None:
        """``:incident``."""
        self.action_incident()

    @work(exclusive=True, group="incident-left", name="incidents left open", exit_on_error=False)
    async def offer_incident(self) -> None:
        """At the start: say that one was left open. Nothing is imported where there never was one."""
        try:
            left = await asyncio.to_thread(_left_open, self.settings.environment)
        except OSError as error:
            self.say(f"nobody can tell whether an incident was left open: {error}", "warning")
            return
        if left is not None and self.incident_service is None:
            self.say(f"incident {left.number} was left open ({self._left_words(left)}): i resumes it", "warning")

    @work(exclusive=True, group="incident-open", name="incident", exit_on_error=False)
    async def action_incident(self) -> None:
        """``i``: the incident that is open here; else one to resume, or a new one."""
        await asyncio.to_thread(_load)
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.tui.screens.incident import IncidentScreen

        fresh = False
        if self.incident_service is None or self.incident_service.state.status != "open":
            await self.leave_incident()
            try:
                fresh = await self._take_one()
            except IncidentError as error:
                self.say(str(error), "error")
                return
        if self.incident_service is not None:
            await self._follow(self.incident_service)
            self.app.push_screen(IncidentScreen(self, self.incident_service, fresh))
            await self._catch_up(self.incident_service)

    async def _take_one(self) -> bool:
        """Resume or open; True for a new one, which the caller starts with its first step."""
        from optimus_tui.incidents.measuring import capture
        from optimus_tui.incidents.open import open_incident, resume_incident, unfinished
        from optimus_tui.tui.modals.pick import PickDialog

        left = (await asyncio.to_thread(unfinished, self.settings.environment))[:OFFERED]
        if left:
            choices = [(f"Resume incident {one.number}", self._left_words(one)) for one in left]
            choices.append(("Open a new incident", "the open ones stay as they are"))
            place = await self.app.push_screen_wait(PickDialog("Incident", choices))
            if place is None:
                return False
            if place < len(left):
                self.incident_service = await resume_incident(self.context, left[place].number)
                return False
        self.incident_service = await open_incident(
            self.context,
            self.incident_title(),
            name=self.playbook_name(),
            alarms=self._alarming(),
        )
        self.run_worker(capture(self.incident_service), name="capture", group="incident-capture", exit_on_error=False)
        return True

    async def _follow(self, incident_service: "IncidentService") -> None:
        """Ask whether the system at other addresses is the one that the incident is about; left open, steps refuse."""
        if not incident_service.elsewhere or incident_service.read_only:
            return
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.tui.modals.question import Line, QuestionDialog

        known = "the demo was started again" if self.optimus.demo is not None else ""
        about = (
            f"Incident {incident_service.state.id} was opened on a system at other addresses. If this is the same "
            "trouble, say why they changed, and it goes on here; it is noted in the timeline."
        )
        said = await self.app.push_screen_wait(QuestionDialog("Other addresses", [Line("reason", known)], about))
        if said is not None:
            try:
                await incident_service.move(said[0])
            except IncidentError as error:
                self.say(str(error), "error")

    async def _catch_up(self, incident_service: "IncidentService") -> None:
        """Actions of this incident that a process did not live to record, and those that it did not live to end."""
        if incident_service.read_only or incident_service.state.status != "open":
            return
        number = incident_service.state.id
        for left in await self.interrupted.listed():
            if left.plan.request.incident == number:
                await self.interrupted.take_up(left)
        if not await asyncio.to_thread(holds, "*.receipt"):
            return
        from optimus_tui.tui.modals.action_dialog_widgets import audit_words

        action_service = await self.actions.open_service()
        for receipt in await asyncio.to_thread(action_service.receipts_of, number):
            if all(record.receipt.action_id != receipt.id for record in incident_service.state.action_records):
                await self.record_action(receipt, await asyncio.to_thread(audit_words, action_service, receipt.id))

    def open_number(self) -> str:
        incident_service = self.incident_service
        return (
            incident_service.state.id
            if incident_service is not None
            and incident_service.state.status == "open"
            and not incident_service.read_only
            else ""
        )

    def is_open(self) -> bool:
        """Return True if an incident is open here."""
        return self.incident_service is not None and self.incident_service.state.status == "open"

    @property
    def incidents(self) -> "IncidentRecord":
        """Return the open incident's record."""
        return self

    async def record_action(self, receipt: Receipt, audit: str) -> None:
        incident_service = self.incident_service
        if incident_service is None or incident_service.state.id != receipt.request.incident or not receipt.verified:
            return
        from optimus_tui.incidents.action_results import kept
        from optimus_tui.incidents.errors import IncidentError

        try:
            record = await incident_service.acted(kept(receipt, audit))
        except IncidentError as error:
            self.say(str(error), "warning")
        else:
            self.say(f"checked again: {record.verdict or 'not known'}")

    def incident_title(self) -> str:
        """What a new incident is called; empty for its number."""
        return ""

    def playbook_name(self) -> str:
        """The playbook that a new incident follows."""
        return "default"

    def drill_words(self) -> str:
        """The clock of a drill; empty where none runs."""
        return ""

    def _alarming(self) -> list[Finding]:
        found = self.health.findings if self.health is not None else ()
        return [one for one in found if SEVERITIES.index(one.severity) >= SEVERITIES.index("medium")]

    def _left_words(self, one: "Listed") -> str:
        state, opened = one.state, one.state.opened
        through = sum(step.status in ("done", "skipped") for step in state.steps)
        begun = f"opened {ago(self.context.clock.wall(), opened.wall)}, " if opened else ""
        return safe_text(
            f"{begun}{severity_words(state)}, {through} of {len(state.steps)} steps through, by {state.operator}", 200
        )

    async def leave_incident(self) -> None:
        """Let others write to it; it stays as it is."""
        incident_service, self.incident_service = self.incident_service, None
        if incident_service is not None:
            await incident_service.aclose()

    @work(group="incident-note", exit_on_error=False)
    async def action_pin(self) -> None:
        """``p`` on a pane: keep the row under the cursor in the incident's timeline."""
        from optimus_tui.incidents.errors import IncidentError

        pane = self.pane(self.current)
        if self.incident_service is None or self.incident_service.state.status != "open":
            self.say("no incident is open here: i opens one", "warning")
            return
        if pane.selected is None:
            self.say("nothing to pin here: put the cursor on a row first", "warning")
            return
        try:
            await self.incident_service.note(pane.plain(pane.cursor).strip(), pane.TITLE, pane.copy_name() or "")
        except IncidentError as error:
            self.say(str(error), "error")
        else:
            self.say(f"pinned to incident {self.incident_service.state.id}")


def _left_open(environment: str) -> "Listed | None":
    """The newest that a start may offer to resume. Reads files."""
    from optimus_tui.history.incident_files import incidents_dir, numbers

    if not numbers(incidents_dir()):
        return None
    from optimus_tui.incidents.open import unfinished

    return next(iter(unfinished(environment)), None)


def _load() -> None:
    """The workflow's code; importing it takes a while the first time. Runs in a thread."""
    import optimus_tui.incidents.measuring
    import optimus_tui.incidents.open
    import optimus_tui.tools.answer
    import optimus_tui.tools.sections
    import optimus_tui.tui.screens.incident  # noqa: F401
