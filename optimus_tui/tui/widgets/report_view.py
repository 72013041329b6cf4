"""The list of tools, and an answer to read: both lists of lines. They run nothing and judge nothing."""

from typing import Any, ClassVar

from optimus_tui.tools.registry import TOOLS
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.tools.run import ToolRun
from optimus_tui.tui.widgets.columns import fit_cell
from optimus_tui.tui.widgets.line_view import LineView, Piece


class ToolList(LineView):
    """The registered tools in the order of the documentation, each with how its last answer was."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES)
    head_lines = 0

    def __init__(self) -> None:
        super().__init__(id="tool-list")
        self.set_rows(list(TOOLS))
        self.runs: dict[str, ToolRun] = {}

    def row(self, index: int, width: int) -> list[Piece]:
        name = self.rows[index]
        run = self.runs.get(name)
        glyph, ink = run.mark if run is not None else (" ", "")
        here = "bright" if index == self.cursor else ""
        return [(glyph + " ", ink), (fit_cell(name, max(1, width - 2)), here)]

    def is_marked(self, index: int) -> bool:
        return index == self.cursor

    def watch_cursor(self) -> None:
        super().watch_cursor()
        if self.is_mounted:
            self.call_later(self.app.run_action, "screen.tool_under_cursor", self)

    def action_open(self) -> None:
        self.call_later(self.app.run_action, "screen.fill_in", self)


class ReportView(LineView):
    """Lines of an answer; ``y`` copies the one under the cursor."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES[:-1], "pane.copy")
    head_lines = 0
    hint: tuple[str, ...] = ()

    def show(self, lines: list[list[Piece]], *, anew: bool) -> None:
        """Put an answer in; ``anew`` starts at its top."""
        if anew:
            self.start_at_top()
        self.set_rows(lines)

    def key_of(self, row: Any) -> int:
        return id(row)

    def empty_lines(self) -> list[str]:
        return list(self.hint)

    def action_copy(self) -> None:
        if self.selected is not None and (text := self.plain(self.cursor).strip()):
            self.post_message(CopyRequested(text, "line"))
