"""What the tools screen shows of an answer: title, elapsed time, sections or JSON, and what can be copied of it.

It runs nothing. An answer is drawn from its document alone, the very bytes that every other surface hands out.
"""

import json
from collections.abc import Mapping
from typing import Any

from textual.content import Content

from optimus_tui.context import Context
from optimus_tui.tools.registry import Tool
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.render_report import report_lines, text_lines
from optimus_tui.tui.tools.form import ToolForm
from optimus_tui.tui.tools.run import ToolRun
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.report_view import ReportView, ToolList
from optimus_tui.wording.safe import safe_text


def _hint(run: ToolRun | None) -> str:
    """What stands in place of an answer."""
    if run is None:
        return "Enter in a field above asks this tool; Enter in the list goes to its fields."
    return "waiting for the answer …" if run.running else run.stopped + "."


class ToolAnswerScreen(BaseScreen):
    """The part of the tools screen that shows answers; ``runs`` keeps the last one of each tool."""

    def __init__(self, context: Context, tool: Tool) -> None:
        super().__init__()
        self.context, self.tool = context, tool
        self.runs: dict[str, ToolRun] = {}
        self.as_json = False
        self.deadline = 8.0

    @property
    def form(self) -> ToolForm | None:
        """Return the form of the chosen tool; None while it is made."""
        return next(iter(self.query(ToolForm)), None)

    @property
    def run(self) -> ToolRun | None:
        """Return the last run of the chosen tool; None before the first."""
        return self.runs.get(self.tool.name)

    def draw_elapsed(self) -> None:
        """Draw the elapsed time if a tool runs."""
        if self.run is not None and self.run.running:
            self._draw_title()

    def _draw_title(self) -> None:
        """What runs or ran, for how long, and what was asked."""
        view, run = self.query_one(ReportView), self.run
        self.query_one(ToolList).refresh()
        view.border_title = Content("Answer" if run is None else f"{run.mark[0]} {self.tool.name}")
        words = "" if run is None else run.words(self.context.clock.mono(), self.deadline)
        asked = "" if run is None else "  ".join(f"{name}={safe_text(one, 40)}" for name, one in run.arguments.items())
        view.border_subtitle = Content("   ".join(part for part in (words, asked) if part))

    def show_answer(self, anew: bool = False) -> None:
        """Draw the chosen tool's last answer for the width there is; ``anew`` from its top."""
        from optimus_tui.tools.pages.sections import sections

        view, run = self.query_one(ReportView), self.run
        width = max(20, view.scrollable_content_region.width - 1)
        view.hint = (_hint(run),)
        lines: list[list[Piece]] = []
        if run is not None and run.report is not None and not run.running:
            if self.as_json:
                lines = text_lines(json.dumps(json.loads(run.encoded), indent=2, ensure_ascii=True), width)
            else:
                lines = report_lines(sections(run.report), width)
        view.show(lines, anew=anew)
        self._draw_title()
        self.query_one(KeyStrip).refresh()

    def action_json(self) -> None:
        """Show the answer as JSON, or in sections again."""
        if self.run is not None and self.run.report is not None:
            self.as_json = not self.as_json
            self.show_answer(anew=True)

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the recommended commands, and this question for every other surface."""
        from optimus_tui.tools.invocations import callings

        run, form = self.run, self.form
        arguments: Mapping[str, Any] = {}
        if run is not None:
            arguments = run.arguments
        elif form is not None:
            arguments = form.values()
        return callings(self.tool.name, arguments, self.context.settings, run.report if run else None)
