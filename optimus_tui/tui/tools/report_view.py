"""The list of tools, and an answer to read: both lists of lines. They run nothing and judge nothing.

Sections as lines of a given width: sentences wrapped, tables fitted, labels aligned. Pure; owns inks and widths.

What a cell cannot hold is elided and stays whole in the JSON; a command is never cut, it wraps.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len

from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.tools.registry import TOOLS
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.tools.form import ToolRun
from optimus_tui.tui.widgets.cells import fit_cell, fit_name, wrap
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.layout import GAP, LEAST, Need, fitting_widths, is_figure, left_out


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


INKS = {"critical": "crit", "warning": "warn", "ok": "good", "quiet": "quiet", "": ""}
MARKS = {"critical": "✖ ", "high": "▲ ", "medium": "▲ ", "warning": "▲ ", "low": "△ ", "info": "△ "}
"""Severities carry their glyph, so that colour alone says nothing."""
MOST_LABEL = 34
LONGEST_WORD = 24
_WORDS = re.compile(r"[^_ ]*[_ ]|[^_ ]+")
"""The words of a column's head, each with what parts it from the next."""

Lines = list[list[Piece]]


def report_lines(sections: Sequence[Section], width: int) -> Lines:
    """Return every section as lines of ``width`` cells, with its title and a blank line after it."""
    lines: Lines = []
    for section in sections:
        lines.append([(fit_cell(section.title, width).rstrip(), "head")])
        lines += _table(section, width)
        lines += _labelled(section.lines, width)
        lines.append([])
    return lines[:-1]


def text_lines(text: str, width: int) -> Lines:
    """Return plain lines, each wrapped by characters, so that JSON can be copied by eye."""
    return [[(line[at : at + width], "")] for line in text.split("\n") for at in range(0, max(1, len(line)), width)]


def _labelled(lines: Sequence[Fact], width: int) -> Lines:
    labels = [MARKS.get(line.label, "") + line.label for line in lines]
    room = min(MOST_LABEL, max((cell_len(label) for label in labels), default=0), max(8, 2 * width // 5))
    indent = room + 2 if room else 0
    made: Lines = []
    for label, line in zip(labels, lines, strict=True):
        ink = INKS[line.tone]
        named = line.label in MARKS
        for number, part in enumerate(wrap(line.text, max(8, width - indent - 2))):
            head = fit_name(label, room) if number == 0 else " " * room
            pieces: list[Piece] = [("  ", "")]
            if room:
                pieces.append((head + "  ", ink if named else "quiet"))
            made.append([*pieces, (part, "" if named else ink)])
    return made


def _table(section: Section, width: int) -> Lines:
    if not section.rows:
        return []
    figures = [all(is_figure(row[at]) for row in section.rows) for at in range(len(section.columns))]
    widths = _widths(section, figures, width - 2)
    made = _heads(section.columns, widths, figures)
    made += [_row(row, widths, figures, "") for row in section.rows]
    if len(widths) < len(section.columns):
        made += [[("  " + part, "quiet")] for part in wrap(left_out(section.columns[len(widths) :]), width - 2)]
    return made


def _heads(columns: Sequence[str], widths: Sequence[int], figures: Sequence[bool]) -> Lines:
    """The heads, those that are too wide broken between their words, all ending on the line above the rows."""
    heads = [head_lines(head, width) for head, width in zip(columns, widths, strict=False)]
    high = max((len(lines) for lines in heads), default=0)
    stacked = [[""] * (high - len(lines)) + lines for lines in heads]
    return [_row(cells, widths, figures, "quiet") for cells in zip(*stacked, strict=True)]


def head_lines(head: str, width: int) -> list[str]:
    """Return a head in lines of at most ``width`` cells, broken between words; a longer word stays whole."""
    lines = [""]
    for word in _WORDS.findall(head):
        if lines[-1] and cell_len(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _row(cells: Sequence[str], widths: Sequence[int], figures: Sequence[bool], ink: str) -> list[Piece]:
    pieces: list[Piece] = [("  ", "")]
    for at, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        text = fit_cell(cell, width, "right") if figures[at] else fit_name(cell, width)
        pieces += [(text, ink or ("bright" if at == 0 else _ink_of(cell))), (" " * GAP, "")]
    return pieces


def _ink_of(cell: str) -> str:
    from optimus_tui.tools.pages.sections import tone_of

    if cell == "never":
        return "crit"
    return "" if cell in ("ok", "none") else INKS[tone_of(cell)]


def _widths(section: Section, figures: Sequence[bool], width: int) -> list[int]:
    needs = [
        Need(
            head=cell_len(head),
            cells=max(cell_len(row[at]) for row in section.rows),
            least_head=min(LONGEST_WORD, max([LEAST, *(cell_len(word.rstrip()) for word in _WORDS.findall(head))])),
            whole=figures[at],
        )
        for at, head in enumerate(section.columns)
    ]
    return fitting_widths(needs, width)
