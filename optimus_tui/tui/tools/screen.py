"""The tools screen: the tools at the left, a form made from the chosen tool's schema, and the answer in sections.

It runs tools as all surfaces do (``tools.answer``), in a worker that esc stops. It knows no tool by name: arguments
come from a tool's schema, sections from its document. Answers are kept while the screen is open.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from optimus_tui.assets import asset_dir
from optimus_tui.context import Context
from optimus_tui.tools.registry import TOOLS, Tool, ToolCall
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.keys import bindings, chosen
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.tools.form import ToolForm
from optimus_tui.tui.tools.leads import AnswerLeads, copied_forms, edge_words
from optimus_tui.tui.tools.lists import ReportView, RoutineDialog, ToolList, ToolRun, report_lines, text_lines
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.line_painter import wrapping_width
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import FindingServices

NARROW = 110
"""Columns below which there is one column: the list, the form, or the answer while it is read."""

LETTERS = ("json", "screen.copy_as", "refresh", "quit", "help", "routine")
"""Actions on letters: while a text is typed they are text."""

UNUSED = {
    "app.tools": "these are the tools already; esc goes back to the panes",
    "tools.json": "there is no answer yet to show as JSON; enter runs the tool",
    "pane.open": "this line is about no finding; enter on a finding goes to its row",
    "pane.copy": "y copies a line of the answer: tab goes there; Y copies the call for other surfaces",
    "pane.export": "x is a key of the panes; Y copies the answer's commands, J shows it whole",
}
"""Why a key does nothing here, by its id."""


class ToolsScreen(BaseScreen):
    """Choose a tool, fill in its arguments, run it with Enter, read the answer, which stays until the screen closes."""

    CSS_PATH = asset_dir("styles") / "tools.tcss"
    BINDINGS: ClassVar[Any] = [
        *bindings("tools"),
        *chosen(
            "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "app.routine",
            "pane.refresh", "pane.copy_as", "pane.explain", "pane.actions", "app.incident",
        ),
    ]  # fmt: skip
    UNUSED = UNUSED
    AUTO_FOCUS = ""

    def __init__(
        self,
        context: Context,
        tenants: list[str],
        findings: "FindingServices",
        tool_call: ToolCall | None = None,
        run: bool = False,
    ) -> None:
        """Show the tools; ``tool_call`` is chosen first, and run at once if ``run``. Fields complete ``tenants``."""
        super().__init__()
        self.context, self.tenants, self.leads = context, tenants, AnswerLeads(findings, self.say)
        self.tool = TOOLS[tool_call.tool] if tool_call is not None else next(iter(TOOLS.values()))
        self.runs: dict[str, ToolRun] = {}
        """The last run of each tool."""
        self.as_json = False
        self.arguments: dict[str, dict[str, Any]] = {}
        self._tool_call, self._run_at_once = tool_call, run
        self._worker: Worker[None] | None = None
        self._formed, self._fills_in = "", False
        """Whose form there is, and whether the operator waits for that of the chosen tool."""

    def compose(self) -> ComposeResult:
        """Return the top line, the list of tools, the form, the answer and the key line."""
        yield TopLine(lambda: [name_part("TOOLS")])
        with Horizontal(id="tools-room"):
            with Vertical(id="tools-left"):
                yield ToolList()
            with Vertical(id="tools-right"):
                with Vertical(id="ask"):
                    yield Static(id="ask-about")
                    yield Vertical(id="ask-form")
                    yield Static(id="ask-note")
                yield ReportView(id="answer")
        yield KeyStrip()

    @property
    def form(self) -> ToolForm | None:
        """Return the form of the chosen tool; None while it is being made."""
        return next(iter(self.query(ToolForm)), None)

    @property
    def run(self) -> ToolRun | None:
        """Return the last run of the chosen tool; None before the first."""
        return self.runs.get(self.tool.name)

    # -- life ------------------------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Choose the first tool, or the requested one, and make its form."""
        listing = self.query_one(ToolList)
        listing.border_title, listing.border_subtitle = "Tools", "esc: back to the panes"
        self.query_one("#ask").border_subtitle = "esc: back to the list"
        listing.runs = self.runs
        listing.move_to(list(TOOLS).index(self.tool.name))
        self.lay_out()
        if self._tool_call is not None:
            self.arguments[self.tool.name] = dict(self._tool_call.arguments)
        if self._tool_call is None:
            listing.focus()
        self.set_interval(0.2, self.draw_elapsed)
        self._open_tool(self._tool_call is not None)

    def _open_tool(self, ready_to_run: bool) -> None:
        """Load the tool's code in a thread, then make its form."""
        work: Any = partial(self._make_form, self.tool, ready_to_run)
        self.run_worker(work, name="form", group="form", exclusive=True, exit_on_error=False)

    async def _make_form(self, tool: Tool, ready_to_run: bool) -> None:
        self.query_one("#ask-about", Static).update(Content(_about(tool)))
        schema = await asyncio.to_thread(_load, tool)
        place = self.query_one("#ask-form", Vertical)
        async with self.batch():
            await place.remove_children()
            await place.mount(ToolForm(schema, self.arguments.get(tool.name, {}), self.tenants))
        self._formed = tool.name
        self.query_one("#ask").border_title = tool.name
        self._check()
        self.show_answer(from_top=True)
        if ready_to_run or self._fills_in:
            self.action_fill_in()
            if self._run_at_once:
                self._run_at_once = False
                self.action_refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out and draw the answer for the new size."""
        self.lay_out()
        self.call_after_refresh(self.show_answer)

    def lay_out(self) -> None:
        """Put list and answer side by side if they fit; else one below the other, and hide what is not needed."""
        narrow = self.size.width < NARROW
        reading = narrow and self.query_one(ReportView).has_focus
        asking = narrow and self.form is not None and self.form.has_focus_within
        if _set_classes(self, {"-narrow": narrow, "-reading": reading, "-asking": asking}):
            self.call_after_refresh(self.show_answer)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Lay out again: on a narrow screen a focused answer takes all of the space."""
        self.lay_out()
        self.query_one(KeyStrip).refresh()

    # -- asking ----------------------------------------------------------------------------------------------------

    def action_tool_under_cursor(self) -> None:
        """Choose the tool under the cursor; the form of the previous one keeps its values."""
        name = self.query_one(ToolList).selected
        if name is not None and name != self.tool.name:
            self._fills_in = False
            if self.form is not None and self._formed == self.tool.name:
                self.arguments[self.tool.name] = self.form.values()
            self.tool = TOOLS[name]
            self.as_json = False
            self._open_tool(False)

    def action_fill_in(self) -> None:
        """Focus the form; one that is still being made, as soon as it is ready."""
        self._fills_in = self.form is None or self._formed != self.tool.name
        if self.form is not None and not self._fills_in:
            self.form.focus_first()

    @on(ToolForm.FormChanged)
    def _form_changed(self, event: ToolForm.FormChanged) -> None:
        self._check()

    def _check(self) -> bool:
        """Return whether the tool would take these arguments. Its complaint, or the help of the field, is shown."""
        from optimus_tui.tools.answer import ToolFailure, parse

        if self.form is None or self._formed != self.tool.name:
            return False
        note = self.query_one("#ask-note", Static)
        try:
            parse(self.tool.query, self.form.values())
        except ToolFailure as failure:
            note.set_class(True, "-wrong")
            note.update(Content(safe_text(str(failure), 400)))
            return False
        note.set_class(False, "-wrong")
        note.update(Content(self.form.about() or " "))
        return True

    @on(ToolForm.FormSubmitted)
    def _form_submitted(self, event: ToolForm.FormSubmitted) -> None:
        self.action_refresh()

    def action_refresh(self) -> None:
        """Run the chosen tool with the values of the form. Only one tool runs at a time."""
        if not self._check() or self.form is None:
            return
        if self._worker is not None and not self._worker.is_finished:
            self._stop("stopped for another run")
        run = ToolRun(self.tool.name, self.form.values(), self.context.clock.mono())
        self.runs[run.tool] = run
        self.as_json = False
        self.query_one(ReportView).focus()
        self.show_answer(from_top=True)
        work = partial(self._answer, run)
        self._worker = self.run_worker(work, name=f"tool:{run.tool}", group="tool", exit_on_error=False)

    async def _answer(self, run: ToolRun) -> None:
        from optimus_tui.tools import answer as road
        from optimus_tui.tools.answer import ToolFailure

        try:
            run.report = await road.answer(self.context, run.tool, run.arguments, run.note_progress)
            run.code = road.exit_code(run.report)
        except ToolFailure as failure:
            run.report = road.failure_report(run.tool, failure, self.context.clock.wall())
            run.code = failure.exit_code
        run.encoded = await asyncio.to_thread(road.encode, run.report)
        run.took = self.context.clock.mono() - run.started
        if self.is_mounted:
            self.show_answer(from_top=True)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        worker = event.worker
        if event.state is not WorkerState.ERROR or worker.error is None:
            return
        place = self.optimus.keep_report(worker.error)
        run = self.runs.get(worker.name.removeprefix("tool:"))
        if run is not None and run.running:
            run.took = self.context.clock.mono() - run.started
            run.stopped = f"stopped by a bug in this program. {place}"
        self.say_bug(worker.name, place)
        self.show_answer(from_top=True)

    def _stop(self, why: str) -> None:
        """End the running tool."""
        if self._worker is not None:
            run = self.runs.get((self._worker.name or "").removeprefix("tool:"))
            self._worker.cancel()
            self._worker = None
            if run is not None and run.running:
                run.took, run.stopped = self.context.clock.mono() - run.started, why

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for letters while text is typed, and for JSON without an answer."""
        if isinstance(self.focused, Input) and action in LETTERS:
            return False
        return not (action == "json" and (self.run is None or self.run.report is None))

    # -- the answer ------------------------------------------------------------------------------------------------

    def draw_elapsed(self) -> None:
        """Draw the elapsed time if a tool is running."""
        if self.run is not None and self.run.running:
            self._draw_title()

    def _draw_title(self) -> None:
        """Draw what runs or ran, for how long, and its arguments."""
        view, run = self.query_one(ReportView), self.run
        self.query_one(ToolList).refresh()
        reading, mono = view.has_focus, self.context.clock.mono()
        title, words = edge_words(run, reading, mono, self.context.tuning.tool_seconds)
        view.border_title, view.border_subtitle = Content(title), Content(words)

    def show_answer(self, from_top: bool = False) -> None:
        """Draw the chosen tool's last answer for the present width.

        Args:
            from_top: Scroll to its first line, for an answer that was not shown before.
        """
        from optimus_tui.tools.pages.sections import sections

        view, run = self.query_one(ReportView), self.run
        width = wrapping_width(view)  # negative before the layout, which calls this again
        view.hint = (_hint(run),)
        lines: list[list[Piece]] = []
        if width > 0 and run is not None and run.report is not None and not run.running:
            if self.as_json:
                lines = text_lines(json.dumps(json.loads(run.encoded), indent=2, ensure_ascii=True), max(20, width))
            else:
                lines = report_lines(sections(run.report), max(20, width))
        view.show(lines, from_top=from_top)
        self._draw_title()
        self.query_one(KeyStrip).refresh()

    def action_json(self) -> None:
        """Show the answer as JSON, or in sections again."""
        if self.run is not None and self.run.report is not None:
            self.as_json = not self.as_json
            self.show_answer(from_top=True)

    def action_explain(self) -> None:
        """Explain the finding under the cursor, else those of the answer."""
        self.leads.explain(self.run, self.query_one(ReportView))

    def action_incident(self) -> None:
        """Show the open incident, else ask for a new one about the finding under the cursor or the answer's worst."""
        self.leads.open_incident(self.run, self.query_one(ReportView))

    def action_actions(self) -> None:
        """Show the actions for the finding under the cursor, else for the answer's worst one."""
        self.leads.act(self.run, self.query_one(ReportView))

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the recommended commands, and this call for every other surface."""
        typed = self.form.values() if self.form is not None else {}
        return copied_forms(self.tool.name, typed, self.run, self.context.settings)

    # -- getting about ---------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Stop a running tool; else go back from the answer to the form, to the list, to the dashboard."""
        if self._worker is not None and self.run is not None and self.run.running:
            self._stop("stopped")
            self.show_answer(from_top=True)
        elif self.query_one(ReportView).has_focus:
            self.action_fill_in()
        elif self.query_one(ToolList).has_focus:
            self.dismiss(None)
        else:
            self.query_one(ToolList).focus()

    def action_next_pane(self, by: int) -> None:
        """Move the focus from the list to the form, to the answer, and to the list again."""
        places = [self.query_one(ToolList), self.form, self.query_one(ReportView)]
        at = next((i for i, place in enumerate(places) if place is not None and place.has_focus_within), 0)
        chosen_place = places[(at + by) % len(places)]
        if isinstance(chosen_place, ToolForm):
            chosen_place.focus_first()
        elif chosen_place is not None:
            chosen_place.focus()

    def action_routine(self) -> None:
        """Show the daily routine, and run the tool that is chosen there."""
        self.app.push_screen(RoutineDialog(), self._take)

    def _take(self, tool_call: ToolCall | None) -> None:
        """Run what was chosen in the routine's dialog."""
        if tool_call is None:
            return
        self.arguments[tool_call.tool] = dict(tool_call.arguments)
        self.tool, self._run_at_once, self.as_json = TOOLS[tool_call.tool], True, False
        self.query_one(ToolList).move_to(list(TOOLS).index(tool_call.tool))
        self._open_tool(True)


def _set_classes(screen: BaseScreen, wanted: Mapping[str, bool]) -> bool:
    """Set or remove classes of a screen. Return True if any of them changed."""
    changed = any(screen.has_class(name) != is_set for name, is_set in wanted.items())
    screen.update_classes(wanted)
    return changed


def _hint(run: ToolRun | None) -> str:
    """Return the text that is shown while there is no answer."""
    if run is None:
        return "Enter in a field runs the tool; Enter in the list goes to its fields."
    if run.running:
        return "waiting for the answer …"
    return run.stopped + "."


def _load(tool: Tool) -> dict[str, Any]:
    """Import the tool's code, which takes a while the first time, and return its schema. Runs in a thread."""
    import optimus_tui.tools.answer  # noqa: F401

    return tool.input_schema()


def _about(tool: Tool) -> str:
    if not tool.writes:
        return tool.description
    return f"{tool.description} It writes: {tool.writes}"
