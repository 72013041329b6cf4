"""The day's routine and "which tool for which symptom" in one dialog; Enter runs the line under the cursor.

Dismisses with the tool call, or None. The tables are ``tools.routine``'s: nothing of them is written here.
"""

from typing import Any, ClassVar

from textual.widget import Widget

from optimus_tui.tools.registry import TOOLS, RoutineStep, routine, symptoms
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import fit_cell
from optimus_tui.tui.widgets.line_view import LineView

CALL_CELLS = 48
"""Cells of a tool call before its reason, where there is room for both."""
Row = RoutineStep | str
"""A line that runs, or a heading."""


class RoutineView(LineView):
    """Headings and steps; the cursor can be on steps only."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES)
    head_lines = 0

    def __init__(self) -> None:
        super().__init__(id="body")
        self._steps: list[Row] = [
            "The day",
            *routine(TOOLS),
            "",
            "Which tool for which symptom",
            *symptoms(TOOLS),
        ]

    def on_mount(self) -> None:
        """Put the rows in, with the cursor on the first that can be run."""
        self.set_rows(self._steps)
        self.styles.height = len(self._steps)
        self.move_to(1)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return a heading or a tool call as spans."""
        row = self.rows[index]
        if isinstance(row, str):
            return [(row, "head")]
        before, when = self.rows[index - 1], row.when  # the first row is a heading
        if isinstance(before, RoutineStep) and before.when == when:
            when = ""
        number = {"first": "1", "then": "2"}.get(row.why, "")
        call = " ".join([row.tool_call.tool, *map(_argument_words, row.tool_call.arguments.items())])
        room, why = max(10, width - 22), f"   {row.why}"
        if number or len(call) + len(why) > room:
            why = ""
        cells = min(room - len(why), max(len(call), CALL_CELLS))  # the reason gives its place up last
        return [
            ("  ", ""),
            (fit_cell(when, 18), "bright"),
            (f"{number:<2}", "quiet"),
            (fit_cell(call, cells), "accent"),
            (why, "quiet"),
        ]

    def move_to(self, index: int) -> None:
        """Move the cursor, past headings and blank rows."""
        index = max(0, min(len(self.rows) - 1, index))
        step = 1
        if index < self.cursor:
            step = -1
        while 0 <= index < len(self.rows) and isinstance(self.rows[index], str):
            index += step
        if 0 <= index < len(self.rows):
            super().move_to(index)

    def action_first(self) -> None:
        """Move to the first row that can be run."""
        self.move_to(1)

    def action_open(self) -> None:
        """Dismiss the dialog with the tool call under the cursor."""
        if isinstance(self.selected, RoutineStep):
            self.screen.dismiss(self.selected.tool_call)


class RoutineDialog(Dialog):
    """The day's routine; dismisses with the chosen tool call, or None."""

    dialog_title = "Routine"
    dialog_keys = "enter runs   ↑↓ choose   esc closes"

    def body(self) -> list[Widget]:
        """Return the rows."""
        return [RoutineView()]


def _argument_words(argument: tuple[str, object]) -> str:
    """Return an argument in short: a text is written without its name."""
    name, value = argument
    if isinstance(value, str):
        return value
    return f"{name}={str(value).lower()}"
