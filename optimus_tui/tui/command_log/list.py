"""The command log's list: columns for what was asked for and for what is polled. It draws lines and knows no screen."""

from typing import Any, ClassVar

from optimus_tui.tui.command_log.lines import LogLine, kind_of, line_words
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.widgets.columns import Cell, Column, fit_name
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.tui.widgets.table import Table
from optimus_tui.wording.age import clock
from optimus_tui.wording.numbers import compact, latency
from optimus_tui.wording.safe import safe_text


def _time(line: LogLine, _: int) -> Cell:
    return clock(line.last.wall), "quiet"


def _command(line: LogLine, cells: int) -> Cell:
    return [(fit_name(line_words(line), cells), "bright" if kind_of(line)[0] == "WRITE" else "")]


def _for(line: LogLine, cells: int) -> Cell:
    return [(fit_name(safe_text(line.label, 200) or "–", cells), "quiet")]


def _outcome(line: LogLine, _: int) -> Cell:
    return line.outcome()


def _took(line: LogLine, _: int) -> Cell:
    return latency(line.took_ms), "quiet"


def _times(line: LogLine, _: int) -> Cell:
    return f"×{compact(line.count)}" if line.count > 1 else "", ""


ASKED = Table[LogLine](
    Column("time", "time", 8, _time),
    Column("kind", "kind", 5, lambda line, _: kind_of(line)),
    Column("command", "command", 16, _command, grow=5),
    Column("for", "for", 24, _for, grow=1, most=42, hide_below=110),
    Column("outcome", "outcome", 12, _outcome, grow=1, most=36),
    Column("ms", "took", 7, _took, "right"),
    Column("times", "×", 6, _times, "right", hide_below=70),
)
POLLED = Table[LogLine](
    Column("for", "source", 10, _for),
    Column("command", "last command", 16, _command, grow=3),
    Column("outcome", "outcome", 12, _outcome, grow=1, most=36),
    Column("ms", "took", 7, _took, "right"),
    Column("times", "×", 6, _times, "right"),
    Column("time", "last at", 8, _time, hide_below=70),
)


class LogList(LineView):
    """The lines, the newest first; polls by source."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    table = ASKED

    def __init__(self) -> None:
        super().__init__(id="log")
        self.empty: list[str] = []
        """What stands in an empty list."""

    def key_of(self, row: LogLine) -> Any:
        """Identify a line by what was asked for."""
        return row.key

    def empty_lines(self) -> list[str]:
        """Return why there is no line."""
        return self.empty

    def action_open(self) -> None:
        """Show the commands of the line under the cursor."""
        self.call_later(self.app.run_action, "screen.detail", self)

    def action_copy(self) -> None:
        """Copy the line in a form that can be pasted."""
        self.call_later(self.app.run_action, "screen.copy_line", self)
