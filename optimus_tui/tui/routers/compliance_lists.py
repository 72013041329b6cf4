"""The compliance screen's lists: files by score, the findings of one file, and the differences between code and Redis.

They judge nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from textual.message import Message

from optimus_tui.contract.tools.compliance import CodeDrift, PatternIssue, ValidateReport, unescaped
from optimus_tui.patterns.judge import word
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Cell, Column, Table, fit_cell, fit_name, wrap
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.safe import safe_text

PRIORITIES = {"high": ("✖", "crit"), "medium": ("▲", "warn"), "low": ("△", "quiet")}
WORD_STYLES = {"excellent": "good", "good": "", "acceptable": "warn", "needs_improvement": "crit"}
ROUTERS = "src/backend/routers/"


@dataclass(frozen=True)
class FileRow:
    """One file, named as on the disk. ``score`` None: no pattern applies, or it was not judged, for ``reason``."""

    file: str
    score: float | None
    issues: int
    reason: str = ""


def file_rows(report: ValidateReport) -> list[FileRow]:
    """Return a row for each file, the worst first; files that could not be judged come last."""
    counts: dict[str, int] = {}
    for issue in report.issues_found:
        counts[issue.file] = counts.get(issue.file, 0) + 1
    rows = [FileRow(unescaped(file.file), file.compliance_score, counts.get(file.file, 0)) for file in report.files]
    rows.sort(key=lambda row: (row.score is None, row.score or 0.0, row.file))
    return rows + [
        FileRow(unescaped(file.file), None, 0, safe_text(file.reason, 300))
        for file in report.skipped
        if file.is_refused
    ]


class FileLine(NamedTuple):
    """A file, and whether the cursor is on it."""

    file: FileRow
    is_here: bool


def _score_cell(line: FileLine, _: int) -> Cell:
    score = line.file.score
    if score is None:
        return "–", "quiet"
    return f"{score:.2f}", WORD_STYLES[word(score)]


def _found_cell(line: FileLine, _: int) -> Cell:
    if line.file.reason:
        return "–", "quiet"
    return str(line.file.issues), "" if line.file.issues else "quiet"


def _file_cell(line: FileLine, cells: int) -> Cell:
    name = fit_name(safe_text(line.file.file.removeprefix(ROUTERS), 200), cells)
    if line.file.score is None:
        return [(name, "quiet")]
    return [(name, "bright" if line.is_here else "")]


class FileList(LineView):
    """The list of files with their scores."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    opens = "screen.read_issues"
    hint = "reading …"
    table = Table[FileLine](
        Column("score", "score", 5, _score_cell, "right", measured=True),
        Column("found", "found", 5, _found_cell, "right", measured=True),
        Column("file", "file", 8, _file_cell, grow=1, most=200, measured=True),
        gap=2,
    )

    class FileHighlighted(Message):
        """Posted when another file is under the cursor."""

    def __init__(self) -> None:
        super().__init__(id="files")
        self.border_title = "Files, the worst first"

    def show(self, report: ValidateReport | None) -> None:
        """Show another report; the cursor stays on its file."""
        self.set_rows(file_rows(report) if report is not None else [])

    def key_of(self, row: FileRow) -> str:
        """Identify a file by its name."""
        return row.file

    def cells_of(self, index: int) -> FileLine:
        """Return one file, and whether the cursor is on it."""
        return FileLine(self.rows[index], index == self.cursor)

    def empty_lines(self) -> list[str]:
        """Return the lines that say why there is no file."""
        return [self.hint]

    def watch_cursor(self) -> None:
        """Tell the screen that another file is under the cursor."""
        super().watch_cursor()
        if self.is_mounted:
            self.post_message(self.FileHighlighted())

    def action_copy(self) -> None:
        """Copy the file's path."""
        if self.selected is not None:
            self.post_message(CopyRequested(self.selected.file, "path"))


def _item(label: str, text: str, width: int, style: str = "") -> list[list[Piece]]:
    """Return a text in as many lines as it needs, with a label before the first."""
    first, *rest = wrap(text, width)
    return [[(label, "quiet"), (first, style)], *([(" " * len(label), "quiet"), (part, style)] for part in rest)]


class WrappedFindings(LineView):
    """A list of findings of several lines each; ``hint`` is shown while it is empty."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    opens = "screen.router_edit_file"
    head_lines = 0
    wrapped = True
    hint = ""

    def row(self, index: int, width: int) -> list[Piece]:
        """Return a finding's first line."""
        return self.row_lines(index, width)[0]

    def empty_lines(self) -> list[str]:
        """Return the lines that say why there is no finding."""
        return [self.hint]


class IssueList(WrappedFindings):
    """Findings, each with its line, why it matters and how it is fixed."""

    def __init__(self) -> None:
        super().__init__(id="issues")
        self.border_title = "Findings"

    def show(self, issues: Sequence[PatternIssue]) -> None:
        """Show another file's findings, from the first one."""
        order = ("high", "medium", "low")
        self.start_at_top()
        self.set_rows(sorted(issues, key=lambda issue: (order.index(issue.priority), issue.line)))
        self.refresh()

    def key_of(self, row: PatternIssue) -> int:
        """Return the finding itself as its identity."""
        return id(row)

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        """Return a finding: what it is, the source, why it matters, how it is fixed, and its rule."""
        issue: PatternIssue = self.rows[index]
        glyph, style = PRIORITIES.get(issue.priority, ("·", ""))
        room = max(9, width - 9)
        first, *rest = wrap(safe_text(issue.issue, 400), room)
        lines: list[list[Piece]] = [[(f"{glyph} ", style), (f"{issue.line:>5}  ", "accent"), (first, "bright")]]
        lines += [[(" " * 9 + part, "bright")] for part in rest]
        if issue.source:
            lines.append([(" " * 9, ""), (fit_cell(safe_text(unescaped(issue.source), 300), room), "head")])
        lines += _item("   why   ", safe_text(issue.why, 500), room, "quiet")
        lines += _item("   fix   ", safe_text(issue.fix, 500), room)
        return [*lines, [(f"         {issue.rule}   {issue.priority}", "quiet")]]

    def action_copy(self) -> None:
        """Copy the finding and its fix."""
        issue: PatternIssue | None = self.selected
        if issue is not None:
            text = f"{unescaped(issue.file)}:{issue.line}: {issue.issue}. {issue.fix}"
            self.post_message(CopyRequested(text, "finding"))


class DriftList(WrappedFindings):
    """The differences between what routers declare and what Redis holds: the worst first, each with its remedy."""

    def __init__(self) -> None:
        super().__init__(id="drift")
        self.border_title = "Code ↔ live"

    def show(self, differences: Sequence[CodeDrift]) -> None:
        """Show another comparison."""
        self.set_rows(list(differences))
        self.refresh()

    def key_of(self, row: CodeDrift) -> tuple[str, str]:
        """Identify a difference by its kind and name."""
        return row.kind, row.name

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        """Return a difference with its remedy; a remedy that the row above has already is left out."""
        drift: CodeDrift = self.rows[index]
        glyph, style = PRIORITIES.get(drift.priority, ("·", ""))
        room = max(8, width - 8)
        first, *rest = wrap(safe_text(drift.message, 400), room)
        lines: list[list[Piece]] = [[(f"{glyph} ", style), (first, "bright")]]
        lines += [[("  " + part, "bright")] for part in rest]
        if drift.priority == "low" and index and self.rows[index - 1].fix == drift.fix:
            return lines  # a quiet router has a dozen of these: the remedy stands under the first
        lines += _item("  fix ", safe_text(drift.fix, 400), room)
        return [*lines, [(f"      {drift.kind}   {drift.priority}", "quiet")]]

    def action_copy(self) -> None:
        """Copy the difference and its remedy."""
        drift: CodeDrift | None = self.selected
        if drift is not None:
            self.post_message(CopyRequested(f"{drift.kind}: {drift.message}. {drift.fix}", "difference"))
