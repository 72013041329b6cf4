"""The wizard (ctrl+n): from a name to a written, checked router, and the development checklist after it.

It shows the pages and keeps the answers; ``scaffold`` checks them, ``actions`` writes. Nothing is written before the
last page is confirmed, and nothing slow runs on the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from optimus_tui.assets import asset_dir
from optimus_tui.context import Context
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.routers.draft import (
    CHECKLIST,
    CHECKS,
    NEXT,
    PREVIEW,
    STEPS,
    WRITE,
    FieldAnswer,
    RouterAnswers,
    RouterDraft,
    Task,
    find_place,
    offered_project,
)
from optimus_tui.tui.routers.pages import FieldsPage, NamePage, TasksPage, WizardPage, make_page
from optimus_tui.tui.routers.tasks import WizardTasks
from optimus_tui.tui.routers.widgets import FieldDialog, FieldList
from optimus_tui.tui.terminal import open_in_editor
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.fields import BoundedInput
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.safe import safe_text

LETTERS = ("router_edit_file", "quit", "help")
HELD_SECONDS, FIRST_HELD_SECONDS = 0.3, 0.8
"""Enter again within this is a key held down: behind the write, and before its first repetition at the preview, it
starts nothing."""


class RouterScreen(BaseScreen):
    """Write a new router with its tests: answer, look, check, then write. Going back keeps the answers."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "tools.tcss", asset_dir("styles") / "router.tcss"]
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "router.previous", "router.editor"
    )
    AUTO_FOCUS = ""
    way_back = "leave"
    UNUSED: ClassVar[Mapping[str, str]] = {"pane.open": "this page is still being made; enter goes on once it is here"}

    def __init__(self, context: Context, name: str = "") -> None:
        """Begin with the first page.

        Args:
            context: Its settings name the project; its clock measures the checks.
            name: The router's name; empty to ask for it.
        """
        super().__init__()
        self.context = context
        self.draft = RouterDraft(name)
        self.tasks = WizardTasks(self, context, self.draft)
        self._turning = asyncio.Lock()
        self._fresh = RouterAnswers(name=name)
        """The answers of a wizard in which nothing was answered: it is left without a question."""
        self._known = asyncio.Event()
        """Set once the project is known that is offered."""

    def compose(self) -> ComposeResult:
        """Return the top line, the first page, the note and the key line."""
        yield TopLine(lambda: [name_part("NEW ROUTER", self.draft.answers.name), self.draft.way()])
        with Vertical(id="wizard-page"):
            yield self._make_page()
        yield Static(id="wizard-note")
        yield KeyStrip()

    @property
    def page(self) -> WizardPage | None:
        """Return the shown page; None while pages are being replaced."""
        return next(iter(self.query(WizardPage)), None)

    # -- life

    def on_mount(self) -> None:
        """Draw the first page, accept keys typed ahead, and look for the project."""
        self.set_interval(0.25, self.tasks.draw_elapsed)
        page = self.query_one(NamePage)
        self._draw_page(page)
        self.set_focus(page.places()[0])
        work: Any = self._recall
        self.run_worker(work, name="recall", group="recall", exit_on_error=False)

    async def _recall(self) -> None:
        """Offer the project of the last router, the watched one, else this folder's; what was typed meanwhile stays."""
        watched = self.context.settings.source_path
        project = await asyncio.to_thread(offered_project, watched)
        self._fresh.project = project
        if isinstance(self.page, NamePage):
            self.page.offer(project)
        self._known.set()

    # -- what the tasks may ask (WizardView)

    def start(self, name: str, work: Callable[[], Awaitable[None]], group: str = "wizard") -> None:
        """Run work in a worker, which replaces a running one of its group."""
        self.run_worker(partial(work), name=name, group=group, exclusive=True, exit_on_error=False)

    def is_at_work(self, name: str) -> bool:
        """Return True if a worker of this name is running."""
        return any(item.name == name and item.is_running for item in self.workers)

    def close(self) -> None:
        """Close the wizard."""
        self.dismiss(None)

    async def show(self, at: int) -> None:
        """Show a page."""
        self.draft.at = at
        page = self._make_page()
        await self.replace_page(page)
        self._draw_page(page)

    async def replace_page(self, page: WizardPage) -> None:
        """Replace the present page."""
        place = self.query_one("#wizard-page", Vertical)
        async with self.batch():
            await place.remove_children()
            await place.mount(page)
        page.focus_page()

    def note(self, words: str, wrong: bool = True) -> None:
        """Show a sentence below the page.

        Args:
            words: The sentence; empty to remove it.
            wrong: Draw it as an error.
        """
        note = self.query_one("#wizard-note", Static)
        note.set_class(wrong, "-wrong")
        note.update(Content(safe_text(words, 500) or " "))

    def refresh_tasks(self, tasks: list[Task]) -> None:
        """Draw the page's list of tasks, if it has one."""
        if isinstance(self.page, TasksPage):
            self.page.show(tasks)
            self._draw_keys()

    # -- drawing

    def _make_page(self) -> WizardPage:
        return make_page(self.draft, self.context.settings.gateway_url)

    def _draw_page(self, page: WizardPage) -> None:
        """Draw the title, the top line, the note and the keys of a page."""
        place = self.query_one("#wizard-page", Vertical)
        place.border_title = Content(f"{self.draft.at + 1} {STEPS[self.draft.at]}")
        place.border_subtitle = Content(page.hint)
        self.query_one(TopLine).refresh()
        self.note(page.problem(started=False))
        self._draw_keys()

    def _draw_keys(self) -> None:
        """Draw the footer, with what Enter does here."""
        strip = self.query_one(KeyStrip)
        if self.page is not None:
            strip.labels = {"router.next": self.draft.enter_word(self.page.enter)}
        strip.refresh()

    def on_descendant_focus(self) -> None:
        """Draw the keys of the focused widget."""
        self._draw_keys()

    # -- on and back

    @on(WizardPage.PageChanged)
    def _page_changed(self, event: WizardPage.PageChanged) -> None:
        if self.page is not None:
            self.note(self.page.problem(started=False))

    @on(BoundedInput.TooLong)
    def _too_long(self, event: BoundedInput.TooLong) -> None:
        self.note(event.sentence)

    @on(WizardPage.PageDone)
    async def _page_done(self, event: WizardPage.PageDone) -> None:
        event.stop()
        held = 0.0
        if self.draft.at == PREVIEW:
            held = FIRST_HELD_SECONDS
        elif self.draft.at >= NEXT:
            held = HELD_SECONDS
        if not self.optimus.is_held(held):
            await self.go_on()
        elif self.draft.at == PREVIEW:
            self.note("enter once more: it runs the project's code, in a copy", wrong=False)

    async def go_on(self) -> None:
        """Go to the next page if this one is filled in. The last pages write, run the checklist, and close."""
        async with self._turning:
            await self._go_on()

    async def _go_on(self) -> None:
        page, draft = self.page, self.draft
        if page is None:
            return
        if problem := page.problem():
            self.note(problem)
            return
        if draft.at == 0:
            await self._known.wait()
        page.take(draft.answers)
        if draft.at == 0:
            self.note("looking for its place in the project …", wrong=False)
            problem, place = await asyncio.to_thread(find_place, draft.answers)
            if problem:
                self.note(problem)
                page.query_one(f"#router-{place}", Input).focus()
                return
        if draft.at == CHECKS and any(task.state in ("waiting", "running") for task in draft.checks):
            self.note("the checks are still running", wrong=False)
        elif draft.at == WRITE:
            self.tasks.write()
        elif draft.at == CHECKLIST:
            self.tasks.run_checklist()
        else:
            await self.show(draft.at + 1)
            self.tasks.begin()

    async def go_back(self) -> None:
        """Go to the previous page and keep the answers. Once the files are written, there is no way back."""
        async with self._turning:
            draft = self.draft
            if self.page is None:
                return
            if draft.at <= draft.first_page:
                self.say("there is no page before this one: esc leaves the wizard")
                return
            self.page.take(draft.answers)
            if draft.at == CHECKS and not draft.all_checked:
                draft.checked = False
                self.workers.cancel_group(self, "wizard")
            await self.show(draft.at - 1)

    def _would_lose(self) -> bool:
        """Return True if leaving loses answers."""
        if self.page is not None:
            self.page.take(self.draft.answers)
        return not self.draft.written and self.draft.answers != self._fresh

    def why_not_left(self) -> str:
        """Return why a command must not close the wizard; empty if no answer would be lost."""
        if not self._would_lose():
            return ""
        return "the new router is not written yet: esc leaves the wizard, then run the command again"

    def would_lose(self) -> str:
        """Return what would be lost: answers that are not written yet, or running checks."""
        if self._would_lose():
            return "the answers of the new router: nothing is written yet"
        running = next((task.title for task in (*self.draft.checks, *self.draft.flow) if task.state == "running"), "")
        if running:
            return f"what runs now: {running}"
        return ""

    def _ask_to_leave(self, leave: Callable[[], object]) -> None:
        """Leave; ask first if answers would be lost."""
        from optimus_tui.tui.dialogs.base import AskDialog

        def on_answer(yes: bool | None) -> None:
            if yes:
                leave()

        if not self._would_lose():
            leave()
        else:
            question = "Leave the wizard? Nothing is written yet, and the answers are lost."
            self.app.push_screen(AskDialog("Leave", question), on_answer)

    @on(FieldList.FieldRequested)
    def _field_requested(self, event: FieldList.FieldRequested) -> None:
        event.stop()
        page = self.page
        if not isinstance(page, FieldsPage):
            return
        at = page.list.highlighted
        if event.what == "add":
            answer, at = FieldAnswer(), len(page.fields)
        elif at is None:
            return
        elif event.what == "filter":
            answer = page.fields[at]
            self.note(answer.turn_filter(page.has_list))
            page.put(answer, at)
            return
        elif event.what == "remove":
            page.take_away(at)
            return
        else:
            answer = page.fields[at]

        def keep(kept: FieldAnswer | None) -> None:
            if kept is not None:
                kept.filtered = answer.filtered
                page.put(kept, at)

        others = [item for item in page.fields if item is not answer]
        self.app.push_screen(FieldDialog(answer, others), keep)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        place = self.optimus.keep_report(error)
        self.tasks.fail_running(place)
        self.say_bug(event.worker.name, place)
        self.note(f"stopped by a bug in this program. {place}")

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for letters while text is typed, and for actions that are not possible on this page."""
        if isinstance(self.focused, Input) and action in LETTERS:
            return False
        if not super().check_action(action, parameters):
            return False
        if action == "previous_page":
            return self.draft.at > self.draft.first_page
        return not (action == "router_edit_file" and not self.draft.written)

    def action_next_pane(self, by: int) -> None:
        """Focus the next line of the page; after the last one the next page, before the first one the previous page."""
        if self.page is not None and not self.page.step(by):
            self.start("turn", {1: self.go_on, -1: self.go_back}[by], "turn")

    async def action_previous_page(self) -> None:
        """Go to the previous page."""
        await self.go_back()

    def action_back(self) -> None:
        """Leave the wizard."""
        self._ask_to_leave(self.close)

    def action_router_edit_file(self) -> None:
        """Open the written router in the editor."""
        plan = self.draft.plan
        if plan is not None and self.draft.written:
            problem = open_in_editor(self.app, plan.root / plan.draft.router.path)
            if problem:
                self.say(problem, "warning")
