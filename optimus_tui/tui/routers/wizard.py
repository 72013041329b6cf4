"""The wizard (ctrl+n): from a name to a written, checked router, and the development checklist behind it.

It leads through pages and keeps the answers; what is right is ``scaffold``'s, what is written ``actions``'. Nothing is
written before the last page's explicit yes, and nothing slow happens on the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.containers import Vertical
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from optimus_tui.assets import asset_dir
from optimus_tui.tui.editor import open_in_editor
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.routers import work
from optimus_tui.tui.routers.answers import (
    RouterAnswers,
    project_problem,
    remember_project,
    remembered_project,
)
from optimus_tui.tui.routers.pages import (
    CHECK_WORDS,
    CHECKLIST,
    CHECKS,
    NEXT,
    PREVIEW,
    WRITE,
    RouterPages,
)
from optimus_tui.tui.routers.preview import PreviewPage
from optimus_tui.tui.routers.steps import NamePage, Page
from optimus_tui.tui.widgets.router_lists import Task
from optimus_tui.tui.widgets.typed import BoundedInput
from optimus_tui.wording.safe import safe_text

LETTERS = ("router_edit_file", "quit", "help")
HELD_SECONDS, FIRST_HELD_SECONDS = 0.3, 0.8
"""Enter again within this is a key held down: behind the write, and before its first repetition at the preview, it
starts nothing."""


class RouterScreen(RouterPages):
    """Write a new router with its tests: answer, look, let it be checked, then write. Answers stay on the way back."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "tools.tcss", asset_dir("styles") / "router.tcss"]
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "router.previous", "router.editor"
    )
    AUTO_FOCUS = ""

    # -- life ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._fresh = RouterAnswers(name=self.answers.name)
        self._known = asyncio.Event()
        self.set_interval(0.25, self._draw_elapsed)
        page = self.query_one(NamePage)
        self._draw_page(page)
        self.set_focus(page.places()[0])
        self.hand_on()
        self.run_worker(self._recall(), name="recall", group="recall", exit_on_error=False)

    async def _recall(self) -> None:
        """The project of the last router, else the one that is watched; what was typed meanwhile stays."""
        known = self.context.settings.source_path
        project = await asyncio.to_thread(remembered_project) or (str(known) if known else "")
        self._fresh.project = project
        if isinstance(self.page, NamePage):
            self.page.offer(project)
        self._known.set()

    # -- on and back -----------------------------------------------------------------------------------------------

    @on(Page.Changed)
    def _page_changed(self, event: Page.Changed) -> None:
        if self.page is not None:
            self._note(self.page.problem(started=False))

    @on(BoundedInput.TooLong)
    def _too_long(self, event: BoundedInput.TooLong) -> None:
        self._note(event.sentence)

    @on(Page.Onward)
    async def _onward(self, event: Page.Onward) -> None:
        event.stop()
        least = FIRST_HELD_SECONDS if self.at == PREVIEW else HELD_SECONDS if self.at >= NEXT else 0.0
        if not self.optimus.is_held(least):
            await self.go_on()
        elif self.at == PREVIEW:
            self._note("enter once more: it runs the project's code, in a copy", wrong=False)

    async def go_on(self) -> None:
        """To the next page, if this one allows it. One turn at a time."""
        async with self._turning:
            await self._go_on()

    async def _go_on(self) -> None:
        page = self.page
        if page is None:
            return
        if problem := page.problem():
            self._note(problem)
            return
        if self.at == 0:
            await self._known.wait()
        page.take(self.answers)
        if self.at == 0 and (problem := await asyncio.to_thread(project_problem, self.answers.project)):
            self._note(problem)
            page.query_one("#router-project", Input).focus()
            return
        if self.at == CHECKS and any(task.state in ("waiting", "running") for task in self.checks):
            self._note("the checks are still running", wrong=False)
        elif self.at == WRITE:
            self._write()
        elif self.at == CHECKLIST:
            self._run_checklist()
        else:
            await self.show(self.at + 1)
            self._begin()

    def _begin(self) -> None:
        """Start what the new page is waiting for."""
        if self.at == PREVIEW:
            question = {**self.answers.arguments(), "project": self.answers.project}
            if question != self._planned or self.plan is None:
                self.plan, self._planned, self._checked = None, question, False
                self.run_worker(self._make_plan(), name="plan", group="wizard", exclusive=True, exit_on_error=False)
        elif self.at == CHECKS and not self._checked:
            self._checked = True
            self.checks = [Task(name, about) for name, about in CHECK_WORDS.items()]
            self.run_worker(self._check(), name="checks", group="wizard", exclusive=True, exit_on_error=False)
        elif self.at == CHECKLIST and not self.flow:
            self.flow = [Task(title, tool) for title, tool, _ in work.checklist(self.answers)]
            self._refresh_tasks(self.flow)

    def action_next_pane(self, by: int) -> None:
        """The next line of the page; past its ends the next page, or the one before."""
        if self.page is not None and not self.page.step(by):
            self.run_worker(
                self.go_on() if by > 0 else self.go_back(), group="turn", exclusive=True, exit_on_error=False
            )

    async def action_previous_page(self) -> None:
        await self.go_back()

    async def go_back(self) -> None:
        """To the page before; what stands here is kept. From what is written there is no way back."""
        async with self._turning:
            if self.at <= self._least or self.page is None:
                return
            self.page.take(self.answers)
            if self.at == CHECKS and not self._all_checked:
                self._checked = False
                self.workers.cancel_group(self, "wizard")
            await self.show(self.at - 1)

    def action_back(self) -> None:
        """Leave; asked first where answers would be lost."""
        self._ask_to_leave(lambda: self.dismiss(None))

    def action_quit(self) -> None:
        """Leave the program; asked first as well."""
        self._ask_to_leave(super().action_quit)

    def _ask_to_leave(self, leave: Callable[[], object]) -> None:
        from optimus_tui.tui.dialogs.confirm import AskDialog

        def left(yes: bool | None) -> None:
            if yes:
                leave()

        if self.page is not None:
            self.page.take(self.answers)
        if self.written or self.answers == self._fresh:
            leave()
        else:
            question = "Leave the wizard? Nothing is written yet, and the answers are lost."
            self.app.push_screen(AskDialog("Leave", question), left)

    def on_descendant_focus(self) -> None:
        self._draw_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a text is typed its letters are letters."""
        if isinstance(self.focused, Input) and action in LETTERS:
            return False
        if action == "previous_page":
            return self.at > self._least
        return not (action == "router_edit_file" and not self.written)

    # -- plan, checks, write ---------------------------------------------------------------------------------------

    async def _make_plan(self) -> None:
        failure = ""
        try:
            plan, self.told = await asyncio.to_thread(work.make_plan, self.answers)
        except work.Unplannable as error:
            failure = str(error)
        else:
            self.plan = plan
            await asyncio.to_thread(remember_project, plan.root)
        if self.at == PREVIEW and self.is_mounted:
            await self._replace(PreviewPage(self.plan, self.told, failure))
            more = f" (and {len(self.told) - 1} more, in the tree)" if len(self.told) > 1 else ""
            told = f"to know first: {self.told[0]}{more}" if self.told else ""
            self._note(failure or told, wrong=bool(failure) or bool(self.told))

    async def _replace(self, page: Page) -> None:
        place = self.query_one("#wizard-page", Vertical)
        async with self.batch():
            await place.remove_children()
            await place.mount(page)
        page.focus_page()

    async def _check(self) -> None:
        assert self.plan is not None
        plan, self._began = self.plan, self.context.clock.mono()
        names = list(CHECK_WORDS)
        self.checks[0].state = "running"
        self._refresh_tasks(self.checks)
        async for check in work.follow_checks(plan):
            task = self.checks[names.index(check.name)]
            task.state, task.detail = check.status, safe_text(check.detail, 400)
            task.output = [safe_text(line, 300) for line in check.output.splitlines()]
            waiting = next((one for one in self.checks if one.state == "waiting"), None)
            if waiting is not None:
                waiting.state = "running"
            self._refresh_tasks(self.checks)
        if self.at == CHECKS:
            self._note(self._verdict(), wrong=any(one.state != "passed" for one in self.checks))

    def _write(self) -> None:
        if any(one.name == "write" and one.is_running for one in self.workers):
            return  # Enter again while it is written
        if self.plan is None:
            self._note("the project is not what it was when the plan was made; go back to the preview")
            return
        self.run_worker(self._write_all(), name="write", group="write", exclusive=True, exit_on_error=False)

    async def _write_all(self) -> None:
        assert self.plan is not None
        try:
            if self.plan.changes:
                await asyncio.to_thread(work.write_plan, self.plan)
        except work.Unplannable as error:
            self.plan = None
            self._note(f"{error}; go back to the preview")
            return
        self.written = True
        await self.show(NEXT)
        self._note("written; optimus-tui scaffold undo takes it back", wrong=False)

    def action_router_edit_file(self) -> None:
        if self.plan is not None and self.written:
            problem = open_in_editor(self.app, self.plan.root / self.plan.draft.router.path)
            if problem:
                self.say(problem, "warning")

    # -- the checklist ---------------------------------------------------------------------------------------------

    def _run_checklist(self) -> None:
        states = {task.state for task in self.flow}
        if "running" in states:
            self._note("the checklist is still running", wrong=False)
        elif "waiting" in states:
            self.run_worker(self._ask_all(), name="checklist", group="wizard", exclusive=True, exit_on_error=False)
        else:
            self.dismiss(None)

    async def _ask_all(self) -> None:
        assert self.plan is not None
        for task, (_, tool, arguments) in zip(self.flow, work.checklist(self.answers), strict=True):
            task.state = "running"
            self._refresh_tasks(self.flow)
            code, words = await work.ask(self.context, self.plan.root, tool, arguments)
            task.state = {0: "passed", 1: "found"}.get(code, "not run")
            task.detail = words
            self._refresh_tasks(self.flow)
        self._note("the checklist is done; enter closes the wizard", wrong=False)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        place = self.optimus.keep_report(error)
        for task in [*self.checks, *self.flow]:
            if task.state == "running":
                task.state, task.detail = "failed", f"stopped by a bug of ours; {place}"
        self._refresh_tasks(self.flow if self.at == CHECKLIST else self.checks)
        self.say_bug(event.worker.name, place)
        self._note(f"stopped because of a bug of ours; {place}")
