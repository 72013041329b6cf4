"""What the keys of the incident screen do with steps, notes and recommendations.

Work that takes time runs in workers of the dashboard, so that leaving the screen does not end it. A refusal is shown
in the incident service's own words, and nothing is shown before it is recorded.
"""

import time
from collections.abc import Awaitable, Callable
from itertools import zip_longest
from typing import Any, Protocol

from optimus_tui.contract.incident import ISSUES, ActionRecord, IncidentState, Step, issue_words
from optimus_tui.incidents.errors import IncidentError
from optimus_tui.incidents.proof import sentence_of
from optimus_tui.incidents.service import IncidentService
from optimus_tui.tui.dialogs.base import PickDialog, QuestionDialog, QuestionField
from optimus_tui.tui.incidents import text as words
from optimus_tui.tui.incidents.next_key import writes_words
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.numbers import age, clause, progress
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.closing import cause_words, filled_words, left_words, resolution_words
from optimus_tui.workflow.proof import is_superseded
from optimus_tui.workflow.ranking import MATTERS, evident_issue, rank
from optimus_tui.workflow.standing import has_only_its_first_step


class IncidentView(Protocol):
    """What the controllers of the incident screen may ask of it."""

    @property
    def selected(self) -> Step | None:
        """Return the step under the cursor; None before the steps are drawn."""

    def show_step(self, step: Step) -> None:
        """Put the cursor on a step."""

    def leave(self) -> None:
        """Close the screen, because the incident no longer exists."""

    def evidence_line(self) -> str:
        """Return the line under the evidence's cursor; empty without a cursor."""

    def say(self, sentence: str, severity: Any = "information", path: object = None) -> None:
        """Show a toast of plain text."""


class StepActions:
    """Carries out what the operator decides about steps, notes and the end of an incident."""

    CLOSING = "incident-close"

    def __init__(self, view: IncidentView, dashboard: DashboardServices, service: IncidentService) -> None:
        """Do nothing yet.

        Args:
            view: The screen that shows the incident.
            dashboard: Whose workers do the work, and who shows the dialogs.
            service: The incident.
        """
        self.view, self.dashboard, self.service = view, dashboard, service
        self._progress: tuple[int, int | None, str] | None = None
        self._began = 0.0

    @property
    def state(self) -> IncidentState:
        """Return the incident as recorded."""
        return self.service.state

    def start(self, work: Callable[..., Awaitable[Any]], *arguments: Any, group: str = "incident-work") -> None:
        """Run ``work(*arguments)`` in a worker of the dashboard, and show a refusal."""

        async def guarded() -> None:
            try:
                await work(*arguments)
            except IncidentError as error:
                self.view.say(str(error), "warning")

        self.dashboard.run_in_background(group, guarded, name="incident", exclusive=False, asks=True)

    def refuse_if_closed(self) -> bool:
        """Return True, and say why, if the incident is closed or cannot be written to."""
        if any(one.group == self.CLOSING and not one.is_finished for one in self.dashboard.app.workers):
            self.view.say("the incident is being closed: its impact is measured, then the post-mortem is written")
            return True
        if self.state.status == "closed":
            writes = writes_words(self.state)
            self.view.say(f"this incident is closed: n adds a note, {writes}, i on the panes opens another")
        return self.state.status != "open"

    def refuse_if_running(self, then: str = "") -> bool:
        """Return True, and say which step it is, while a step runs. ``then``: what to do once it has ended."""
        if (running := self.state.running) is not None:
            self.view.say(
                f"{words.safe(running.plan.title, 60)} is {self.running_words()}: wait for its end{clause(then, ', ')}"
            )
        return running is not None

    # -- steps -----------------------------------------------------------------------------------------------------

    def running_words(self) -> str:
        """Return how long the running step has taken, and how far it is."""
        if not self._began:
            return "running"
        parts = [f"running {age(time.monotonic() - self._began)}"]
        if self._progress is not None:
            done, total, what = self._progress
            parts.append(progress(done, total, safe_text(what, 40)))
        return " · ".join(parts)

    def _note_progress(self, done: int, total: int | None, what: str) -> None:
        self._progress = (done, total, what)

    def next_step(self) -> None:
        """Run the next step; show a manual one first. After the last step, close the incident."""
        coming = self.state.next
        if self.refuse_if_closed() or self.refuse_if_running():
            return
        if coming is None:
            self.close()
        elif coming.plan.kind == "tool":
            self.start(self._run, coming)
        elif self.view.selected is not coming:
            self.view.show_step(coming)
        else:
            self.start(self._done, coming)

    async def _run(self, step: Step) -> None:
        is_open = step.plan.choose_issue and self.state.choice is None
        if is_open and not await self._choose_evident() and not await self._choose():
            return
        if self.state.running is not None:
            return
        self.view.show_step(step)
        self._progress, self._began = None, time.monotonic()
        await self.service.run(step.plan.id, self._note_progress)
        self._began = 0.0

    async def _choose_evident(self) -> bool:
        """Choose the issue that needs no question. Return False if there is none."""
        evident = evident_issue(self.state)
        if evident is None:
            return False
        await self.service.choose(evident.issue, self.state.tenant or evident.tenant)
        self.view.say(f"examining {issue_words(evident.issue)}: f chooses another issue")
        return True

    async def _choose(self) -> bool:
        """Ask which issue to examine, the strongest reason first. Return False if it was not answered."""
        found = self.state.candidates
        named = {item.issue for item in found}
        issues = [*(item.issue for item in found), *(issue for issue in ISSUES if issue not in named)]
        reasons = [words.sentence(item.reason, 300) for item in found]
        rows = list(zip_longest(map(issue_words, issues), reasons, fillvalue="nothing points there"))
        about = "What the health check points to, the strongest reason first."
        place = await self.dashboard.ask(PickDialog("Which issue to examine", rows, about))
        if place is None:
            return False
        tenant = self.state.tenant
        if place < len(found):
            tenant = tenant or found[place].tenant
        await self.service.choose(issues[place], tenant)
        return True

    async def _done(self, step: Step) -> None:
        field = QuestionField("What was done or found", needed=False)
        answers = await self.dashboard.ask(QuestionDialog(words.safe(step.plan.title, 60), [field]))
        if answers is not None:
            await self.service.done(step.plan.id, answers[0])

    def choose_again(self) -> None:
        """Ask again which issue to examine. The step that has examined another one has to be repeated."""
        if not self.refuse_if_closed():
            self.start(self._choose)

    def repeat(self) -> None:
        """Run the step under the cursor again. What changed since its last run is shown above its evidence."""
        step = self.view.selected
        if self.refuse_if_closed() or self.refuse_if_running():
            return
        if step is not None and step.plan.kind == "apply":
            self.start(self._check_again)
        elif step is None or step.plan.kind != "tool":
            self.view.say("this step runs no tool", "warning")
        else:
            self.start(self._run, step)

    def say_early(self, record: ActionRecord) -> None:
        """Say from when on it can be proved that an action helped.

        A result that exists is said by the incident controller.
        """
        if promise := words.promise_words(record):
            self.view.say(promise)

    async def _check_again(self) -> None:
        """Repeat the checks of actions that did not surely help; without actions, the steps that showed the fault."""
        records = [record for record in self.state.action_records if not is_superseded(self.state, record)]
        for record in [record for record in records if record.verdict != "fixed"] or records[-1:]:
            if record.due is not None:
                self.say_early(record)
            elif record.checks:
                self.view.say(sentence_of(await self.service.check_again(record.receipt.action_id)))
            else:
                self.view.say("no step has found the fault that it was for, so no check can prove it", "warning")
        if records:
            return
        showing = [item for item in self.state.steps if item.worst and rank(item.worst.severity) >= MATTERS]
        for step in showing:
            await self._run(step)
            ended, verdict = self.state.step(step.plan.id), "not known"
            if ended is not None and ended.change is not None:
                verdict = ended.change.verdict
            self.view.say(f"{words.safe(step.plan.title, 60)} run again: {verdict}")
        if showing:
            self.view.show_step(showing[0])
        else:
            self.view.say("nothing to check again: no step has found a fault yet", "warning")

    def skip(self) -> None:
        """Leave out the step under the cursor if it waits or has failed, else the next one."""
        step = self.view.selected
        if self.refuse_if_closed():
            return
        if step is None or step.status not in ("waiting", "failed"):
            step = self.state.next
        if step is not None:
            self.start(self._skip, step)

    async def _skip(self, step: Step) -> None:
        title = f"Skip {words.safe(step.plan.title, 60)}"
        answers = await self.dashboard.ask(QuestionDialog(title, [QuestionField("Reason")]))
        if answers is not None:
            await self.service.skip(step.plan.id, answers[0])

    # -- notes -----------------------------------------------------------------------------------------------------

    def note(self) -> None:
        """Ask for a note and record it."""
        self.start(self._note, group="incident-note")

    async def _note(self) -> None:
        about = "Goes into the timeline, with the time."
        answers = await self.dashboard.ask(QuestionDialog("Note", [QuestionField("Note")], about))
        if answers is not None:
            await self.service.note(answers[0])
            self.view.say("noted")

    def pin(self) -> None:
        """Keep the line under the evidence's cursor in the timeline."""
        text, step = self.view.evidence_line(), self.view.selected
        if not text or step is None:
            self.view.say("nothing to pin: tab to the evidence and put the cursor on a line", "warning")
            return
        self.start(self._pin, text, step.plan.title, group="incident-note")

    async def _pin(self, text: str, title: str) -> None:
        await self.service.note(text, "evidence", title)
        self.view.say("pinned")

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ask for cause and resolution, close the incident, measure what tenants lost, and write the post-mortem."""
        if not self.refuse_if_closed():
            self.start(self._close, group=self.CLOSING)

    async def _close(self) -> None:
        from optimus_tui.incidents.open import close_measured

        found, done = cause_words(self.state), resolution_words(self.state)
        about = f"{words.sentence(left_words(self.state), 300)} {filled_words(found, done)}"
        fields = [QuestionField("Cause", words.safe(found, 400)), QuestionField("Resolution", words.safe(done, 1_000))]
        answers = await self.dashboard.ask(QuestionDialog(f"Close incident {self.state.id}", fields, about))
        if answers is None:
            return
        self.view.say("closing, then measuring the impact …")
        await close_measured(self.service, answers[0], answers[1])
        await self._export()

    def discard(self) -> None:
        """Remove the incident if only its health check was made; else ask for a reason and close it as discarded."""
        if not self.refuse_if_closed():
            self.start(self._discard, group=self.CLOSING)

    async def _discard(self) -> None:
        reason, number = "", self.state.id
        if not has_only_its_first_step(self.state):
            about = "More than the health check was recorded: the incident stays in the list, closed as a mistake."
            answers = await self.dashboard.ask(QuestionDialog(f"Discard {number}", [QuestionField("Why")], about))
            if answers is None:
                return
            reason = answers[0]
        self.dashboard.cancel_group("incident-capture")
        if await self.service.discard(reason):
            self.view.say(f"incident {number} is removed: it had nothing but its health check")
            self.view.leave()
        else:
            self.view.say(f"incident {number} is closed as opened by mistake")

    def export(self) -> None:
        """Write the post-mortem."""
        self.start(self._export, group="incident-export")

    async def _export(self) -> None:
        from optimus_tui.incidents.postmortem import export

        await export(self.service, "md")
        path = await export(self.service, "html")
        self.view.say(f"post-mortem written: {path.stem}.md and {path.name} in", path=f"{path.parent}/")
