"""The command log's list: columns for what was asked for and for what is polled. It draws lines and knows no screen."""

from typing import Any, ClassVar

from optimus_tui.tui.command_log.lines import LogLine, kind_of, line_words
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.widgets.columns import Column, fit_cell, fit_columns, fit_name
from optimus_tui.tui.widgets.line_view import LineView, Piece
from optimus_tui.wording.age import clock
from optimus_tui.wording.numbers import compact, latency
from optimus_tui.wording.safe import safe_text

ASKED = (
    Column("time", "time", 8),
    Column("kind", "kind", 5),
    Column("command", "command", 16, grow=5),
    Column("for", "for", 24, grow=1, most=42, hide_below=110),
    Column("outcome", "outcome", 12, grow=1, most=36),
    Column("ms", "took", 7, align="right"),
    Column("times", "×", 6, align="right", hide_below=70),
)
POLLED = (
    Column("for", "source", 10),
    Column("command", "last command", 16, grow=3),
    Column("outcome", "outcome", 12, grow=1, most=36),
    Column("ms", "took", 7, align="right"),
    Column("times", "×", 6, align="right"),
    Column("time", "last at", 8, hide_below=70),
)


class LogList(LineView):
    """The lines, the newest first; polls by source."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    columns: tuple[Column, ...] = ASKED

    def __init__(self) -> None:
        super().__init__(id="log")
        self.says: list[str] = []

    def key_of(self, row: LogLine) -> Any:
        return row.key

    def head(self, line: int, width: int) -> list[Piece]:
        if not self.rows:
            return []
        cells = fit_columns(self.columns, self.text_width(width))
        return [(" ".join(fit_cell(one.title, cell, one.align) for one, cell in cells), "quiet")]

    def row(self, index: int, width: int) -> list[Piece]:
        line: LogLine = self.rows[index]
        kind, kind_ink = kind_of(line)
        outcome, outcome_ink = line.outcome()
        words: dict[str, Piece] = {
            "time": (clock(line.last.wall), "quiet"),
            "kind": (kind, kind_ink),
            "command": (line_words(line), "bright" if kind == "WRITE" else ""),
            "for": (safe_text(line.label, 200) or "–", "quiet"),
            "outcome": (outcome, outcome_ink),
            "ms": (latency(line.took_ms), "quiet"),
            "times": (f"×{compact(line.count)}" if line.count > 1 else "", ""),
        }
        pieces: list[Piece] = []
        for column, cell in fit_columns(self.columns, self.text_width(width)):
            text, ink = words[column.id]
            cut = fit_name(text, cell) if column.id in ("command", "for") else fit_cell(text, cell, column.align)
            pieces += [(cut, ink), (" ", "")]
        return pieces[:-1]

    def empty_lines(self) -> list[str]:
        return self.says

    def action_open(self) -> None:
        self.call_later(self.app.run_action, "screen.detail", self)

    def action_copy(self) -> None:
        self.call_later(self.app.run_action, "screen.copy_line", self)
