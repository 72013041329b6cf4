"""What the keys of the incident screen do: run, choose, skip, redo, note, pin, close, export.

Work that takes time runs in the dashboard's workers, so that leaving the screen does not end it. What the keeper
refuses is said in its own words; nothing is shown before it is recorded.
"""

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.incident import ISSUES, IncidentState, Step
from optimus_tui.incidents.errors import IncidentError
from optimus_tui.incidents.service import IncidentService
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.modals.pick import PickDialog
from optimus_tui.tui.modals.question import Line, QuestionDialog
from optimus_tui.tui.screens import incident_words as words
from optimus_tui.tui.widgets.report_view import ReportView
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.severity import MATTERS, rank

if TYPE_CHECKING:
    from optimus_tui.tui.incidents.controller import IncidentController
    from optimus_tui.tui.services import DashboardServices


class IncidentWork(BaseScreen):
    """The doing half of the incident screen."""

    def __init__(
        self, dashboard: "DashboardServices", incidents: "IncidentController", incident_service: IncidentService
    ) -> None:
        super().__init__()
        self.dashboard, self.incidents, self.incident_service = dashboard, incidents, incident_service
        self._progress: tuple[int, int | None, str] | None = None
        self._began = 0.0

    @property
    def state(self) -> IncidentState:
        """As recorded."""
        return self.incident_service.state

    @property
    def selected(self) -> Step | None:
        """The step under the cursor; the screen knows."""
        raise NotImplementedError

    def show_step(self, step: Step) -> None:
        """Put the cursor on it; the screen knows how."""
        raise NotImplementedError

    def work(self, doing: Awaitable[Any], group: str = "incident-work") -> None:
        """Do it in a worker of the dashboard; a refusal is said."""

        async def told() -> None:
            try:
                await doing
            except IncidentError as error:
                self.say(str(error), "warning")

        self.dashboard.run_in_background(group, told, name="incident", exclusive=False)

    def is_closed(self) -> bool:
        """Whether nothing can be done in this incident any more; then say so."""
        if self.state.status == "closed":
            self.say("this incident is closed: n adds a note, x writes the post-mortem, i on the panes opens another")
        return self.state.status != "open"

    # -- steps -----------------------------------------------------------------------------------------------------

    def running_words(self) -> str:
        """How long the running step takes, and how far it is."""
        if not self._began:
            return "running"
        parts = [f"running {time.monotonic() - self._began:.1f} s"]
        if self._progress is not None:
            done, total, what = self._progress
            parts.append(f"{done:,}{f' of {total:,}' if total is not None else ''} {safe_text(what, 40)}")
        return " · ".join(parts)

    def _heard(self, done: int, total: int | None, what: str) -> None:
        self._progress = (done, total, what)

    def action_step(self) -> None:
        """Enter: the next step."""
        coming = self.state.next
        if self.is_closed() or self.state.running is not None:
            return
        if coming is None:
            self.action_close()
        elif coming.plan.kind == "tool":
            self.work(self._run(coming))
        elif self.selected is not coming:
            self.show_step(coming)
        else:
            self.work(self._done(coming))

    async def _run(self, step: Step) -> None:
        if step.plan.choose_issue and self.state.choice is None and not await self._choose():
            return
        if self.state.running is not None:
            return
        self.show_step(step)
        self._progress, self._began = None, time.monotonic()
        await self.incident_service.run(step.plan.id, self._heard)
        self._began = 0.0

    async def _choose(self) -> bool:
        """Let the operator decide what to look at; the best reason stands first."""
        found = self.state.candidates
        named = {one.issue for one in found}
        rows = [(one.issue, words.sentence(one.reason, 300)) for one in found]
        rows += [(issue, "nothing points there") for issue in ISSUES if issue not in named]
        about = "What the health check points to, the strongest reason first."
        place = await self.app.push_screen_wait(PickDialog("What to look at", rows, about))
        if place is None:
            return False
        tenant = found[place].tenant if place < len(found) else None
        await self.incident_service.choose(rows[place][0], tenant)
        return True

    async def _done(self, step: Step) -> None:
        said = await self.app.push_screen_wait(
            QuestionDialog(words.safe(step.plan.title, 60), [Line("What was done or found", needed=False)])
        )
        if said is not None:
            await self.incident_service.done(step.plan.id, said[0])

    def action_look(self) -> None:
        """Choose again what to look at; the step that looked at something else is to be done again."""
        if not self.is_closed():
            self.work(self._choose())

    def action_redo(self) -> None:
        """Ask the step under the cursor again; what changed stands above its evidence."""
        step = self.selected
        if self.is_closed():
            return
        if step is not None and step.plan.kind == "apply" and self.state.running is None:
            self.work(self._check_again())
        elif step is None or step.plan.kind != "tool":
            self.say("this step runs no tool", "warning")
        elif self.state.running is None:
            self.work(self._run(step))

    async def _check_again(self) -> None:
        """What was done from here by its own checks; what was done elsewhere by the steps that showed the fault."""
        unproved = [one for one in self.state.action_records if one.verdict != "fixed"] or self.state.action_records[
            -1:
        ]
        for record in unproved:
            proved = await self.incident_service.check_again(record.receipt.action_id)
            self.say(f"checked again: {proved.verdict or 'not known'}")
        if unproved:
            return
        showing = [one for one in self.state.steps if one.worst and rank(one.worst.severity) >= MATTERS]
        for step in showing:
            await self._run(step)
            ended = self.state.step(step.plan.id)
            change = ended.change if ended is not None else None
            self.say(f"{words.safe(step.plan.title, 60)} asked again: {change.verdict if change else 'not known'}")
        if showing:
            self.show_step(showing[0])
        else:
            self.say("no step has shown a fault that could be looked for again", "warning")

    def action_skip(self) -> None:
        """Leave out the step under the cursor where it waits, else the next one."""
        step = self.selected
        if self.is_closed():
            return
        if step is None or step.status not in ("waiting", "failed"):
            step = self.state.next
        if step is not None:
            self.work(self._skip(step))

    async def _skip(self, step: Step) -> None:
        title = f"Skip {words.safe(step.plan.title, 60)}"
        said = await self.app.push_screen_wait(QuestionDialog(title, [Line("Why")]))
        if said is not None:
            await self.incident_service.skip(step.plan.id, said[0])

    # -- notes -----------------------------------------------------------------------------------------------------

    def action_note(self) -> None:
        self.work(self._note(), "incident-note")

    async def _note(self) -> None:
        said = await self.app.push_screen_wait(
            QuestionDialog("Note", [Line("Note")], "Goes into the timeline, with the time.")
        )
        if said is not None:
            await self.incident_service.note(said[0])
            self.say("noted")

    def action_pin(self) -> None:
        """Keep the line under the evidence's cursor."""
        view, step = self.query_one("#evidence", ReportView), self.selected
        text = view.plain(view.cursor).strip() if view.selected is not None else ""
        if not text or step is None:
            self.say("nothing to pin: tab to the evidence and put the cursor on a line", "warning")
            return
        self.work(self._pin(text, step.plan.title), "incident-note")

    async def _pin(self, text: str, title: str) -> None:
        await self.incident_service.note(text, "evidence", title)
        self.say("pinned")

    # -- the end ---------------------------------------------------------------------------------------------------

    def action_close(self) -> None:
        """Ask for cause and resolution, measure what it cost, close, and write the post-mortem."""
        if not self.is_closed():
            self.work(self._close(), "incident-close")

    async def _close(self) -> None:
        from optimus_tui.incidents.measuring import measure

        left = sum(step.status in ("waiting", "failed", "running") for step in self.state.steps)
        were = "was" if left == 1 else "were"
        about = f"{plural(left, 'step')} {were} neither done nor skipped." if left else "All steps are through."
        said = await self.app.push_screen_wait(
            QuestionDialog(f"Close incident {self.state.id}", [Line("Cause"), Line("Resolution")], about)
        )
        if said is None:
            return
        self.say("measuring what it cost …")
        await measure(self.incident_service)
        await self.incident_service.close_incident(said[0], said[1])
        await self._export()

    def action_export(self) -> None:
        self.work(self._export(), "incident-close")

    async def _export(self) -> None:
        from optimus_tui.incidents.postmortem import export

        await export(self.incident_service, "md")
        path = await export(self.incident_service, "html")
        self.say(f"post-mortem written: {path.stem}.md and {path.name} in", path=f"{path.parent}/")
