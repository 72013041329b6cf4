"""The wizard's work that takes time: plan, checks, write, checklist. It runs in workers of the wizard."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from optimus_tui.tui.routers import work
from optimus_tui.tui.routers.answers import remember_project
from optimus_tui.tui.routers.lists import Task
from optimus_tui.tui.routers.pages import CHECK_WORDS, CHECKLIST, CHECKS, NEXT, PREVIEW, RouterDraft
from optimus_tui.tui.routers.preview import PreviewPage
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.tui.routers.steps import WizardPage


class WizardView(Protocol):
    """What the tasks may ask of the wizard's screen."""

    @property
    def is_mounted(self) -> bool:
        """Return True while the screen is open."""

    def note(self, words: str, wrong: bool = True) -> None:
        """Show a sentence below the page."""

    def refresh_tasks(self, tasks: list[Task]) -> None:
        """Draw the page's list of tasks."""

    async def replace_page(self, page: "WizardPage") -> None:
        """Put another form of the present page in its place."""

    async def show(self, at: int) -> None:
        """Turn to a page."""

    def start(self, name: str, work: Callable[[], Awaitable[None]], group: str = "wizard") -> None:
        """Run work in a worker; it replaces the one of its group that runs."""

    def is_at_work(self, name: str) -> bool:
        """Return True if a worker of this name runs."""

    def close(self) -> None:
        """Close the wizard."""


class WizardTasks:
    """Carries out what a page waits for."""

    def __init__(self, view: WizardView, context: "Context", draft: RouterDraft) -> None:
        """Do nothing yet.

        Args:
            view: The screen that shows what comes of it.
            context: What the checklist's tools ask with.
            draft: Where the results are kept.
        """
        self.view, self.context, self.draft = view, context, draft
        self._began = 0.0

    def begin(self) -> None:
        """Start what the present page waits for, if it was not started yet."""
        draft = self.draft
        if draft.at == PREVIEW:
            question = {**draft.answers.arguments(), "project": draft.answers.project}
            if question != draft.planned_for or draft.plan is None:
                draft.plan, draft.planned_for, draft.checked = None, question, False
                self.view.start("plan", self._make_plan)
        elif draft.at == CHECKS and not draft.checked:
            draft.checked = True
            draft.checks = [Task(name, about) for name, about in CHECK_WORDS.items()]
            self.view.start("checks", self._check)
        elif draft.at == CHECKLIST and not draft.flow:
            draft.flow = [Task(title, tool) for title, tool, _ in work.checklist(draft.answers)]
            self.view.refresh_tasks(draft.flow)

    async def _make_plan(self) -> None:
        draft, failure = self.draft, ""
        try:
            plan, draft.warnings = await asyncio.to_thread(work.make_plan, draft.answers)
        except work.Unplannable as error:
            failure = str(error)
        else:
            draft.plan = plan
            await asyncio.to_thread(remember_project, plan.root)
        if draft.at == PREVIEW and self.view.is_mounted:
            await self.view.replace_page(PreviewPage(draft.plan, draft.warnings, failure))
            note, warnings = failure, draft.warnings
            if warnings and not failure:
                note = f"to know first: {warnings[0]}"
                if len(warnings) > 1:
                    note += f" (and {len(warnings) - 1} more, in the tree)"
            self.view.note(note, wrong=bool(note))

    # -- checks

    async def _check(self) -> None:
        draft = self.draft
        assert draft.plan is not None
        plan, self._began = draft.plan, self.context.clock.mono()
        names = list(CHECK_WORDS)
        draft.checks[0].state = "running"
        self.view.refresh_tasks(draft.checks)
        async for check in work.follow_checks(plan):
            task = draft.checks[names.index(check.name)]
            task.state, task.detail = check.status, safe_text(check.detail, 400)
            task.output = [safe_text(line, 300) for line in check.output.splitlines()]
            waiting = next((item for item in draft.checks if item.state == "waiting"), None)
            if waiting is not None:
                waiting.state = "running"
            self.view.refresh_tasks(draft.checks)
        if draft.at == CHECKS:
            self.view.note(draft.verdict(), wrong=any(item.state != "passed" for item in draft.checks))

    def draw_elapsed(self) -> None:
        """Show how far the checks are and how long they have taken. Nothing if none runs."""
        draft = self.draft
        if draft.at == CHECKS and draft.checked and not draft.all_checked:
            took = self.context.clock.mono() - self._began
            running = next((item.title for item in draft.checks if item.state == "running"), "")
            done = sum(item.state not in ("waiting", "running") for item in draft.checks)
            self.view.note(f"{done} of {len(draft.checks)} done   {running} …   {took:.0f} s", wrong=False)

    # -- write

    def write(self) -> None:
        """Write the plan's files, once."""
        if self.view.is_at_work("write"):
            return  # Enter again while it is written
        if self.draft.plan is None:
            self.view.note("the project is not what it was when the plan was made; go back to the preview")
            return
        self.view.start("write", self._write, "write")

    async def _write(self) -> None:
        draft = self.draft
        assert draft.plan is not None
        try:
            if draft.plan.changes:
                await asyncio.to_thread(work.write_plan, draft.plan)
        except work.Unplannable as error:
            draft.plan = None
            self.view.note(f"{error}; go back to the preview")
            return
        draft.written = True
        await self.view.show(NEXT)
        self.view.note("written; optimus-tui scaffold undo takes it back", wrong=False)

    # -- checklist

    def run_checklist(self) -> None:
        """Run the checklist; close the wizard if it has been run."""
        states = {task.state for task in self.draft.flow}
        if "running" in states:
            self.view.note("the checklist is still running", wrong=False)
        elif "waiting" in states:
            self.view.start("checklist", self._ask_all)
        else:
            self.view.close()

    async def _ask_all(self) -> None:
        draft = self.draft
        assert draft.plan is not None
        for task, (_, tool, arguments) in zip(draft.flow, work.checklist(draft.answers), strict=True):
            task.state = "running"
            self.view.refresh_tasks(draft.flow)
            code, words = await work.ask(self.context, draft.plan.root, tool, arguments)
            task.state = {0: "passed", 1: "found"}.get(code, "not run")
            task.detail = words
            self.view.refresh_tasks(draft.flow)
        self.view.note("the checklist is done; enter closes the wizard", wrong=False)

    def fail_running(self, place: str) -> None:
        """Mark the tasks that run as failed by a bug, and draw them.

        Args:
            place: The sentence that says where the crash report is.
        """
        for task in [*self.draft.checks, *self.draft.flow]:
            if task.state == "running":
                task.state, task.detail = "failed", f"stopped by a bug of ours; {place}"
        self.view.refresh_tasks(self.draft.flow or self.draft.checks)
