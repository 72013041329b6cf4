"""The lists of the tools screen: the tools with their last runs, the daily routine, and an answer as lines.

An answer's sections become lines of a given width. A value that does not fit into its cell is shortened (the JSON has
it in full); a command is never shortened, but wrapped.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar, NamedTuple

from rich.cells import cell_len
from textual.widget import Widget

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.tools.common import Report
from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.tools.registry import TOOLS, RoutineStep, routine, symptoms
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested, FindingRowRequested
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.cells import Align, Cell, Column, Table, fit_cell, fit_name, fit_words, wrap
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.layout import GAP, LEAST, Need, fitting_widths, is_figure, left_out
from optimus_tui.wording.numbers import age, latency, progress
from optimus_tui.wording.truth import SEVERITY_WORDS

LONGEST_WORD = 24
MOST_CELL_LINES = 6
"""Lines of a cell from which on it is elided instead: the JSON has it whole."""
_WORDS = re.compile(r"[^_ ]*[_ ]|[^_ ]+")
"""The words of a column's head, each with what parts it from the next."""


class ReportLine(list[Piece]):
    """A line of an answer, with the finding that it is about, and the part of the answer that it belongs to."""

    finding: Finding | None = None
    copied: str = ""
    """The whole row or value where it takes several lines: a part of a command or a URL is of no use."""


Lines = list[list[Piece]]
CALL_NUMBERS = {"first": "1", "then": "2"}
"""What is written for the reasons that only give an order."""
CALL_CELLS = 48
"""Cells of a tool call before its reason, where there is room for both."""
Row = RoutineStep | str
"""A line that runs, or a heading."""


@dataclass
class ToolRun:
    """One run of a tool. ``report`` is the answer, or the document that says why there is none (``code`` 2, 3 or 4)."""

    tool: str
    arguments: Mapping[str, Any]
    started: float
    """Seconds of the monotonic clock."""
    took: float | None = None
    report: Report | None = None
    code: int | None = None
    stopped: str = ""
    """Why there is no document at all: cancelled, or a bug."""
    progress: tuple[int, int | None, str] | None = None
    encoded: bytes = dataclasses.field(default=b"")

    @property
    def running(self) -> bool:
        """Return True until there is an answer."""
        return self.took is None

    @property
    def mark(self) -> tuple[str, str]:
        """Return a glyph for the outcome, and its style."""
        if self.running:
            return "…", "accent"
        if self.code == 0:
            return "●", "good"
        if self.code == 1:
            return "▲", "warn"
        if self.code is None:
            return "○", "quiet"
        return "✖", "crit"

    def note_progress(self, done: int, total: int | None, what: str) -> None:
        """Remember how far a scan has come."""
        self.progress = (done, total, what)

    def words(self, mono: float, deadline: float) -> str:
        """Return the words of the line above the answer."""
        if self.running:
            parts = [f"running {age(mono - self.started)} of {age(deadline)}"]
            if self.progress:
                parts.append(progress(*self.progress))
            return " · ".join([*parts, "esc stops it"])
        took = latency((self.took or 0.0) * 1000)
        if self.stopped:
            return f"{self.stopped} after {took}"
        results = {
            0: "no finding of medium severity or worse",
            1: "findings of medium severity or worse",
            2: "bad argument",
            3: "no result",
            4: "refused",
        }
        return f"{results.get(self.code or 0, '')} · exit {self.code} · {took}"


class ToolLine(NamedTuple):
    """A tool's name, its last run, and whether the cursor is on it."""

    name: str
    run: ToolRun | None
    is_here: bool


class ToolList(LineView):
    """The registered tools in the order of the documentation, each with the outcome of its last run."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES)
    moved, opens = "screen.tool_under_cursor", "screen.fill_in"
    head_lines = 0
    table = Table[ToolLine](
        Column("mark", "", 1, lambda line, _: line.run.mark if line.run else ("", "")),
        Column("tool", "tool", 1, lambda line, _: (line.name, "bright" * line.is_here), grow=1),
    )

    def __init__(self) -> None:
        super().__init__(id="tool-list")
        self.runs: dict[str, ToolRun] = {}
        self.set_rows(list(TOOLS))

    def cells_of(self, index: int) -> ToolLine:
        """Return a tool with its last run."""
        name = self.rows[index]
        return ToolLine(name, self.runs.get(name), index == self.cursor)


class RoutineView(LineView):
    """Headings and steps; the cursor can be on steps only."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES)
    head_lines = 0
    table = Table[tuple[str, RoutineStep]](
        Column("when", "when", 20, lambda row, _: (f"  {row[0]}", "bright")),
        Column("number", "", 2, lambda row, _: (CALL_NUMBERS.get(row[1].why, ""), "quiet")),
        Column("call", "call", 10, lambda row, cells: _call_pieces(row[1], cells), grow=1),
        gap=0,
    )

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
        """Show the rows, with the cursor on the first that can be run."""
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
        return self.table.row((when, row), width)

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
    """The daily routine; dismisses with the chosen tool call, or None."""

    dialog_title = "Routine"
    dialog_keys = "enter runs   ↑↓ choose   esc closes"

    def body(self) -> list[Widget]:
        """Return the rows."""
        return [RoutineView()]


def _call_pieces(step: RoutineStep, cells: int) -> list[Piece]:
    """Return a tool call and, if there is room for both, its reason."""
    call = " ".join([step.tool_call.tool, *map(_argument_words, step.tool_call.arguments.items())])
    why = f"   {step.why}"
    if step.why in CALL_NUMBERS or len(call) + len(why) > cells:
        why = ""
    return [(fit_cell(call, min(cells - len(why), max(len(call), CALL_CELLS))), "accent"), (why, "quiet")]


def _argument_words(argument: tuple[str, object]) -> str:
    """Return an argument in short: a text is written without its name."""
    name, value = argument
    if isinstance(value, str):
        return value
    return f"{name}={str(value).lower()}"


class ReportView(LineView):
    """The lines of an answer; ``y`` copies the line under the cursor, Enter goes to the row of a finding."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    head_lines = 0
    hint: tuple[str, ...] = ()

    def show(self, lines: list[list[Piece]], *, from_top: bool) -> None:
        """Show an answer; with ``from_top`` from its first line."""
        if from_top:
            self.start_at_top()
        self.set_rows(lines)

    def key_of(self, row: Any) -> int:
        """Return the line itself as its identity."""
        return id(row)

    def empty_lines(self) -> list[str]:
        """Return the lines that are shown in an empty view."""
        return list(self.hint)

    @property
    def finding(self) -> Finding | None:
        """Return the finding that the line under the cursor is about; None on other lines."""
        line = self.selected
        if isinstance(line, ReportLine):
            return line.finding
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for Enter if the line is not about a finding; then the screen handles the key."""
        return not (action == "open" and self.finding is None)

    def watch_cursor(self) -> None:
        """Offer Enter if the line is about a finding."""
        super().watch_cursor()
        if self.is_mounted:
            for strip in self.screen.query(KeyStrip):
                strip.refresh()

    def action_open(self) -> None:
        """Go to the row of the finding under the cursor."""
        if self.finding is not None:
            self.post_message(FindingRowRequested(self.finding))

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        line = self.selected
        if line is not None and (text := getattr(line, "copied", "") or self.plain(self.cursor).strip()):
            self.post_message(CopyRequested(text, "line"))
        else:
            self.notify("this line is blank: there is nothing to copy")


def report_lines(sections: Sequence[Section], width: int) -> Lines:
    """Return every section as lines of ``width`` cells, with its title and a blank line after it."""
    lines: Lines = []
    for section in sections:
        lines.append([(fit_words(section.title, width).rstrip(), "head")])
        lines += _table(section, width)
        lines += _labelled(section.lines, width)
        lines.append([])
    return lines[:-1]


def text_lines(text: str, width: int) -> Lines:
    """Return plain lines, each wrapped at any character, so that JSON is shown unchanged."""
    return [[(line[at : at + width], "")] for line in text.split("\n") for at in range(0, max(1, len(line)), width)]


def severity_text(word: str) -> str:
    """Return a severity or priority of a document with its glyph, as on every screen; other labels unchanged."""
    if word in SEVERITY_WORDS:
        return SEVERITY_WORDS[word].text
    return word


NEARLY = 6
"""Cells by which labels of severities and others may differ and still have one column."""


def _labelled(lines: Sequence[Fact], width: int) -> Lines:
    labels = [severity_text(line.label) for line in lines]
    rooms = {named: _label_room(lines, width, named) for named in (True, False)}
    if abs(rooms[True] - rooms[False]) <= NEARLY:  # nearly as long: what they say stands in one column
        rooms = dict.fromkeys(rooms, max(rooms.values()))
    made: Lines = []
    room = rooms[False]
    for label, line in zip(labels, lines, strict=True):
        style = SEVERITY_TEXT_STYLES[line.severity_style]
        named = line.label in SEVERITY_WORDS
        if label:  # what has no label goes on below what has one
            room = rooms[named]
        indent = room + 2 if room else 0
        texts = wrap(line.text, max(8, width - indent - 2))
        for head, part in zip_longest(wrap(label, room) if room else [], texts, fillvalue=""):
            pieces: list[Piece] = [("  ", "")]
            if room:
                pieces.append((fit_cell(head, room) + "  ", style if named else "quiet"))
            drawn = ReportLine([*pieces, (part, "" if named else style)])
            drawn.finding = line.finding
            drawn.copied = f"{label}  {line.text}".strip()
            made.append(drawn)
    return made


def _label_room(lines: Sequence[Fact], width: int, severities: bool) -> int:
    """Return the cells of labels: those of severities are short, whatever other lines of their section are called."""
    of_kind = [one for one in lines if (one.label in SEVERITY_WORDS) is severities]
    found = max((cell_len(severity_text(one.label)) for one in of_kind), default=0)
    beside = width - 4 - max((cell_len(one.text) for one in of_kind), default=0)  # no label is broken beside free room
    return min(found, max(8, 2 * width // 5, beside))


def _table(section: Section, width: int) -> Lines:
    if not section.rows:
        return []
    figures = [all(is_figure(row[at]) for row in section.rows) for at in range(len(section.columns))]
    widths = _widths(section, figures, width - 2)
    table = Table(*(_column(at, *shape) for at, shape in enumerate(zip(widths, figures, strict=False))), gap=GAP)
    # Heads that are too wide are broken between their words, and all end on the line above the rows.
    heads = [head_lines(head, cells) for head, cells in zip(section.columns, widths, strict=False)]
    high = max((len(lines) for lines in heads), default=0)
    stacked = zip(*([""] * (high - len(lines)) + lines for lines in heads), strict=True)
    made: Lines = [table.head(width, titles={str(at): head for at, head in enumerate(line)}) for line in stacked]
    for row in section.rows:
        made += _row_lines(table, row, widths, width)
    if len(widths) < len(section.columns):
        made += [[(part, "quiet")] for part in wrap(left_out(section.columns[len(widths) :]), width - 2)]
    return [_indented(pieces) for pieces in made]


def _row_lines(
    table: Table[Sequence[str]], row: Sequence[str], widths: Sequence[int], width: int
) -> Iterator[ReportLine]:
    """Yield a row's lines: a cell that is too wide goes on below, broken between words; a very long one is elided."""
    parts = [wrap(cell, cells) for cell, cells in zip(row, widths, strict=False)]
    parts = [lines if len(lines) <= MOST_CELL_LINES else [cell] for lines, cell in zip(parts, row, strict=False)]
    text_styles = [_style_of(cell) for cell in row]
    for line in zip_longest(*parts, fillvalue=""):
        pieces = table.row(line, width)
        drawn = ReportLine(
            (text, text_styles[at // 2] if at and not at % 2 else style) for at, (text, style) in enumerate(pieces)
        )
        drawn.copied = "  ".join(row)
        yield drawn


def _indented(pieces: list[Piece]) -> list[Piece]:
    if isinstance(pieces, ReportLine):
        pieces.insert(0, ("  ", ""))
        return pieces
    return [("  ", ""), *pieces]


def _column(at: int, width: int, figure: bool) -> Column[Sequence[str]]:
    """Return the column of a report's table that holds the cells at a place: figures at the right, names elided."""

    def cell(row: Sequence[str], cells: int) -> Cell:
        return row[at] if figure else fit_name(row[at], cells), "bright" if at == 0 else ""

    align: Align = "right" if figure else "left"
    return Column(str(at), "", width, cell, align)


def head_lines(head: str, width: int) -> list[str]:
    """Return a heading in lines of at most ``width`` cells, broken between words; a longer word stays whole."""
    lines = [""]
    for word in _WORDS.findall(head):
        if lines[-1] and cell_len(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _style_of(cell: str) -> str:
    from optimus_tui.tools.pages.sections import severity_style_of

    if cell == "never":
        return "crit"
    if cell in ("ok", "none"):
        return ""
    return SEVERITY_TEXT_STYLES[severity_style_of(cell)]


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
