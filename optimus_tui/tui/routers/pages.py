"""What the wizard's pages say: which one comes when, the way on top, the model's fields, the questions before the
write, the next steps.

It starts nothing and writes nothing: that is ``router_wizard``'s, which goes from page to page.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from optimus_tui.context import Context
from optimus_tui.tui.routers.answers import FieldAnswer, RouterAnswers
from optimus_tui.tui.routers.preview import PreviewPage
from optimus_tui.tui.routers.steps import (
    FEATURES,
    OPERATIONS,
    TYPES,
    FieldsPage,
    NamePage,
    NextPage,
    Page,
    PickPage,
    TasksPage,
    WritePage,
)
from optimus_tui.tui.routers.typed_ahead import TypedAhead
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.router_lists import FieldList, Task
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.shell import shell_word

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.routers import RouterPlan
    from optimus_tui.tui.services import AppServices


STEPS = ("Name", "Type", "Operations", "Features", "Fields", "Preview", "Checks", "Write", "Next steps", "Checklist")
PREVIEW, CHECKS, WRITE, NEXT, CHECKLIST = range(5, 10)
CHECK_WORDS = {
    "parse": "both files are read as Python",
    "compile": "both files are compiled",
    "lint": "ruff on both files",
    "validate": "the enterprise patterns, for production",
    "tests": "the router's own tests and the project's code, in a copy of it",
}


class RouterPages(TypedAhead):
    """The drawing half of the wizard."""

    def __init__(self, context: Context, name: str = "") -> None:
        super().__init__()
        self.context = context
        self.answers = RouterAnswers(name=name)
        self.at = 0
        self.written = False
        self.plan: RouterPlan | None = None
        self.told: tuple[str, ...] = ()
        self.checks: list[Task] = []
        self.flow: list[Task] = []
        self._planned: dict[str, object] | None = None
        self._checked = False
        self._began = 0.0
        self._turning = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield Static(id="wizard-way")
        with Vertical(id="wizard-page"):
            yield self._make(0)
        yield Static(id="wizard-note")
        yield KeyStrip()

    @property
    def optimus(self) -> "AppServices":
        """Return the application's own services."""
        return cast("AppServices", self.app)

    @property
    def page(self) -> Page | None:
        """The page that stands here now."""
        return next(iter(self.query(Page)), None)

    async def show(self, at: int) -> None:
        """Turn to a page."""
        self.at = at
        place, page = self.query_one("#wizard-page", Vertical), self._make(at)
        async with self.batch():
            await place.remove_children()
            await place.mount(page)
        page.focus_page()
        self._draw_page(page)

    def _draw_page(self, page: Page) -> None:
        """What stands round a page."""
        place = self.query_one("#wizard-page", Vertical)
        place.border_title = Content(f"{self.at + 1} {STEPS[self.at]}")
        place.border_subtitle = Content(page.hint)
        self._draw_way()
        self._note(page.problem(started=False))
        self._draw_keys()

    def _make(self, at: int) -> Page:
        told = self.answers
        if at == 0:
            return NamePage(told)
        if at == 1:
            return PickPage("Type", TYPES, [told.type], many=False)
        if at == 2:
            least = "a router needs one operation or more"
            return PickPage("Operations", OPERATIONS, told.operations, many=True, least=least)
        if at == 3:
            return PickPage("Features", FEATURES, told.features, many=True)
        if at == 4:
            return FieldsPage(told.fields)
        return self._make_later(at)

    def _make_later(self, at: int) -> Page:
        if at == PREVIEW:
            return PreviewPage(self.plan, self.told)
        if at == CHECKS:
            about = "Nothing is written yet. The tests run in a copy of the project."
            return TasksPage("Checks", self.checks, about)
        if at == WRITE:
            return WritePage(self._questions(), self._refusal())
        if at == NEXT:
            return NextPage(self._next_steps())
        about = "What to check after adding a feature. full_flow posts one recognisable test message to the gateway."
        return TasksPage("Checklist", self.flow, about)

    def _draw_keys(self) -> None:
        """The footer, with what Enter does here."""
        strip = self.query_one(KeyStrip)
        if self.page is not None:
            strip.labels = {"router.next": self._enter_word(self.page)}
        strip.refresh()

    def _enter_word(self, page: Page) -> str:
        if self.at == CHECKS and not self._all_checked:
            return ""
        if self.at == CHECKLIST:
            states = {task.state for task in self.flow}
            return "" if "running" in states else "run it" if "waiting" in states or not states else "close"
        return page.enter

    def _draw_way(self) -> None:
        narrow = self.size.width < 110
        if narrow:
            words = [
                (f" New router {safe_text(self.answers.name, 40)}  ", "bold"),
                (f"step {self.at + 1} of {len(STEPS)}", ""),
            ]
            if self.at + 1 < len(STEPS):
                words.append((f"   then {STEPS[self.at + 1]}", "dim"))
        else:
            words = [(" New router  ", "bold")]
            for i, name in enumerate(STEPS):
                words += [(name, "bold underline" if i == self.at else "" if i < self.at else "dim"), ("  ", "")]
        self.query_one("#wizard-way", Static).update(Content.assemble(*words))

    def on_resize(self) -> None:
        self._draw_way()

    def _note(self, words: str, wrong: bool = True) -> None:
        note = self.query_one("#wizard-note", Static)
        note.set_class(wrong, "-wrong")
        note.update(Content(safe_text(words, 500) or " "))

    def _draw_elapsed(self) -> None:
        if self.at == CHECKS and self._checked and not self._all_checked:
            took = self.context.clock.mono() - self._began
            running = next((one.title for one in self.checks if one.state == "running"), "")
            done = sum(one.state not in ("waiting", "running") for one in self.checks)
            self._note(f"{done} of {len(self.checks)} done   {running} …   {took:.0f} s", wrong=False)

    @on(FieldList.Asked)
    def _field_asked(self, event: FieldList.Asked) -> None:
        from optimus_tui.tui.routers.field_dialog import FieldDialog

        event.stop()
        page = self.page
        if not isinstance(page, FieldsPage):
            return
        at = page.list.cursor if event.what != "add" and page.fields else None
        if event.what == "remove":
            page.take_away()
        elif event.what == "add" or at is not None:
            answer = FieldAnswer() if at is None else page.fields[at]
            others = [one for i, one in enumerate(page.fields) if i != at]
            self.app.push_screen(
                FieldDialog(answer, others), lambda kept: page.put(kept, at) if kept is not None else None
            )

    def _refresh_tasks(self, tasks: list[Task]) -> None:
        if isinstance(self.page, TasksPage):
            self.page.list.set_rows(list(tasks))
            self.page.list.redraw()
            self._draw_keys()

    def _verdict(self) -> str:
        failed = [one.title for one in self.checks if one.state == "failed"]
        silent = [one.title for one in self.checks if one.state == "not run"]
        if failed:
            return f"{', '.join(failed)} failed: this cannot be written; go back with alt+←"
        if silent:
            return f"{', '.join(silent)} did not run: writing will ask once more"
        return f"all {len(self.checks)} passed; enter goes on"

    def _refusal(self) -> str:
        failed = [one.title for one in self.checks if one.state == "failed"]
        if failed:
            return f"Nothing can be written: {', '.join(failed)} failed."
        return "" if self._all_checked else "Nothing can be written: the checks were not run to their end."

    def _questions(self) -> list[str]:
        plan = self.plan
        if plan is None:
            return []
        asked = [f"{path} exists and is another one. Replace it?" for path in plan.replaced]
        asked += [
            f"{one.title}: {one.detail}. Write without this check?" for one in self.checks if one.state == "not run"
        ]
        if not plan.changes:
            return [*asked, "It is there already, exactly like this: nothing to write. Go on?"]
        changed = ", ".join(change.path for change in plan.changes)
        return [*asked, f"Write {len(plan.changes)} files to {plan.root}?  {changed}"]

    def _next_steps(self) -> list[tuple[str, str]]:
        from optimus_tui.scaffold.explain import next_steps

        assert self.plan is not None
        root = shell_word(str(self.plan.root))
        tests, start, ask = next_steps(self.plan.draft.spec, self.context.settings.gateway_url)[-3:]
        python = ".venv/bin/python -m " if (self.plan.root / ".venv/bin/python").exists() else ""
        shown = [
            ("Run its tests", f"cd {root} && {python}{tests}"),
            ("Start the gateway", f"cd {root} && {python}{start}"),
            ("Ask it", ask),
            ("Judge all routers", f"cd {root} && optimus-tui validate --level production_ready"),
            ("Take it back", f"optimus-tui scaffold undo --project {root}"),
        ]
        return [(why, safe_text(command, 600)) for why, command in shown]

    @property
    def _least(self) -> int:
        """The first page there is a way back to."""
        return NEXT if self.written else 0

    @property
    def _all_checked(self) -> bool:
        return bool(self.checks) and all(task.state not in ("waiting", "running") for task in self.checks)
