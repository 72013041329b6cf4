"""The compliance screen's lists: files by score, the findings of one file, code against Redis. They judge nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.message import Message

from optimus_tui.contract.tools.patterns import CodeDrift, PatternIssue, ValidateReport, unescaped
from optimus_tui.patterns.score import word
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.widgets.columns import fit_cell, fit_name
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.line_view import LineView, Piece
from optimus_tui.wording.safe import safe_text

PRIORITIES = {"high": ("✖", "crit"), "medium": ("▲", "warn"), "low": ("△", "quiet")}
INKS = {"excellent": "good", "good": "", "acceptable": "warn", "needs_improvement": "crit"}
ROUTERS = "src/backend/routers/"


@dataclass(frozen=True)
class FileRow:
    """One file, named as on the disk. ``score`` None: it was not judged, for ``reason``."""

    file: str
    score: float | None
    issues: int
    reason: str = ""


def file_rows(report: ValidateReport) -> list[FileRow]:
    """The worst first; files that were not judged at the end."""
    counts: dict[str, int] = {}
    for issue in report.issues_found:
        counts[issue.file] = counts.get(issue.file, 0) + 1
    rows = [FileRow(unescaped(one.file), one.compliance_score, counts.get(one.file, 0)) for one in report.files]
    rows.sort(key=lambda row: (row.score or 0.0, row.file))
    return rows + [FileRow(unescaped(one.file), None, 0, safe_text(one.reason, 300)) for one in report.skipped]


class FileList(LineView):
    """Files with their score."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    hint = "reading …"

    class Moved(Message):
        """Another file is under the cursor."""

    def __init__(self) -> None:
        super().__init__(id="files")
        self.border_title = "Routers, the worst first"

    def show(self, report: ValidateReport | None) -> None:
        """Another report; the cursor stays on its file."""
        self.set_rows(file_rows(report) if report is not None else [])

    def key_of(self, row: Any) -> str:
        return str(row.file)

    def head(self, line: int, width: int) -> list[Piece]:
        return [("score  found  file", "quiet")]

    def row(self, index: int, width: int) -> list[Piece]:
        row = self.rows[index]
        name = fit_name(safe_text(row.file.removeprefix(ROUTERS), 200), max(8, width - 14))
        if row.score is None:
            return [("    –      –  ", "quiet"), (name, "quiet")]
        here = "bright" if index == self.cursor else ""
        found = (f"  {row.issues:>5}  ", "" if row.issues else "quiet")
        return [(f" {row.score:.2f}", INKS[word(row.score)]), found, (name, here)]

    def is_marked(self, index: int) -> bool:
        return index == self.cursor

    def empty_lines(self) -> list[str]:
        return [self.hint]

    def watch_cursor(self) -> None:
        super().watch_cursor()
        if self.is_mounted:
            self.post_message(self.Moved())

    def action_open(self) -> None:
        self.call_later(self.app.run_action, "screen.read_issues", self)

    def action_copy(self) -> None:
        if self.selected is not None:
            self.post_message(CopyRequested(self.selected.file, "path"))


class IssueList(LineView):
    """Findings, each with its line, why it matters and how it is mended."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    head_lines = 0
    wrapped = True
    hint = ""

    def __init__(self) -> None:
        super().__init__(id="issues")
        self.border_title = "Findings"

    def show(self, issues: Sequence[PatternIssue]) -> None:
        """Another file's findings, from the first one."""
        order = ("high", "medium", "low")
        self.start_at_top()
        self.set_rows(sorted(issues, key=lambda one: (order.index(one.priority), one.line)))
        self.refresh()

    def key_of(self, row: Any) -> int:
        return id(row)

    def row(self, index: int, width: int) -> list[Piece]:
        return self.row_lines(index, width)[0]

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        one = self.rows[index]
        glyph, ink = PRIORITIES.get(one.priority, ("·", ""))
        room = max(16, width - 2)
        first, *rest = wrap(safe_text(one.issue, 400), max(8, room - 7))
        lines: list[list[Piece]] = [[(f"{glyph} ", ink), (f"{one.line:>5}  ", "accent"), (first, "bright")]]
        lines += [[(" " * 9 + part, "bright")] for part in rest]
        if one.source:
            lines.append([(" " * 9, ""), (fit_cell(safe_text(unescaped(one.source), 300), max(8, room - 7)), "head")])
        for label, text in (("why", one.why), ("fix", one.fix)):
            for number, part in enumerate(wrap(safe_text(text, 500), max(8, room - 7))):
                lines.append(
                    [(f"   {label if number == 0 else '':<6}", "quiet"), (part, "" if label == "fix" else "quiet")]
                )
        lines.append([(f"         {one.rule}   {one.priority}", "quiet")])
        return lines

    def empty_lines(self) -> list[str]:
        return [self.hint] if self.hint else []

    def action_open(self) -> None:
        self.call_later(self.app.run_action, "screen.router_edit_file", self)

    def action_copy(self) -> None:
        if self.selected is not None:
            one = self.selected
            self.post_message(CopyRequested(f"{unescaped(one.file)}:{one.line}: {one.issue}. {one.fix}", "finding"))


class DriftList(LineView):
    """What routers declare against what Redis shows: the worst first, each with its remedy."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    head_lines = 0
    wrapped = True
    hint = ""

    def __init__(self) -> None:
        super().__init__(id="drift")
        self.border_title = "Code ↔ live"

    def show(self, differences: Sequence[CodeDrift]) -> None:
        """Another comparison."""
        self.set_rows(list(differences))
        self.refresh()

    def key_of(self, row: Any) -> tuple[str, str]:
        return row.kind, row.name

    def row(self, index: int, width: int) -> list[Piece]:
        return self.row_lines(index, width)[0]

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        one = self.rows[index]
        glyph, ink = PRIORITIES.get(one.priority, ("·", ""))
        room = max(8, width - 8)
        first, *rest = wrap(safe_text(one.message, 400), room)
        lines: list[list[Piece]] = [[(f"{glyph} ", ink), (first, "bright")]]
        lines += [[("  " + part, "bright")] for part in rest]
        if one.priority == "low" and index and self.rows[index - 1].fix == one.fix:
            return lines  # a quiet router has a dozen of these: the remedy stands under the first
        for number, part in enumerate(wrap(safe_text(one.fix, 400), room)):
            lines.append([("  fix " if number == 0 else "      ", "quiet"), (part, "")])
        return [*lines, [(f"      {one.kind}   {one.priority}", "quiet")]]

    def empty_lines(self) -> list[str]:
        return [self.hint] if self.hint else []

    def action_copy(self) -> None:
        if self.selected is not None:
            one = self.selected
            self.post_message(CopyRequested(f"{one.kind}: {one.message}. {one.fix}", "difference"))
