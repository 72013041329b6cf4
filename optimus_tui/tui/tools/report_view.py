"""The list of tools, and an answer to read: both lists of lines. They run nothing and judge nothing."""

from typing import Any, ClassVar

from optimus_tui.tools.registry import TOOLS
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.tools.run import ToolRun
from optimus_tui.tui.widgets.line_view import LineView, Piece
from optimus_tui.tui.widgets.table import fit_cell


class ToolList(LineView):
    """The registered tools in the order of the documentation, each with how its last answer was."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES)
    head_lines = 0

    def __init__(self) -> None:
        super().__init__(id="tool-list")
        self.set_rows(list(TOOLS))
        self.runs: dict[str, ToolRun] = {}

    def row(self, index: int, width: int) -> list[Piece]:
        """Return a tool with the mark of its last answer."""
        name = self.rows[index]
        run = self.runs.get(name)
        glyph, ink = run.mark if run is not None else (" ", "")
        here = "bright" if index == self.cursor else ""
        return [(glyph + " ", ink), (fit_cell(name, max(1, width - 2)), here)]

    def watch_cursor(self) -> None:
        """Tell the screen that another tool is under the cursor."""
        super().watch_cursor()
        if self.is_mounted:
            self.call_later(self.app.run_action, "screen.tool_under_cursor", self)

    def action_open(self) -> None:
        """Go to the tool's form."""
        self.call_later(self.app.run_action, "screen.fill_in", self)


class ReportView(LineView):
    """Lines of an answer; ``y`` copies the one under the cursor."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES[:-1], "pane.copy")
    head_lines = 0
    hint: tuple[str, ...] = ()

    def show(self, lines: list[list[Piece]], *, anew: bool) -> None:
        """Show an answer; ``anew`` starts at its top."""
        if anew:
            self.start_at_top()
        self.set_rows(lines)

    def key_of(self, row: Any) -> int:
        """Identify a line by the object that it is."""
        return id(row)

    def empty_lines(self) -> list[str]:
        """Return what stands in an empty view."""
        return list(self.hint)

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        if self.selected is not None and (text := self.plain(self.cursor).strip()):
            self.post_message(CopyRequested(text, "line"))
