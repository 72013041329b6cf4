"""Print a tool's document as a page: the verdict, the findings, the figures in aligned tables, then what to do.

``tools.pages`` makes the contents, as for the screen; this module chooses order, colours and widths.
All text is escaped already and never parsed as markup.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from optimus_tui.tools.pages.report_sections import headline
from optimus_tui.tools.pages.sections import Fact, Section, sections
from optimus_tui.wording.layout import GAP, LEAST, Need, fitting_widths, is_figure, left_out
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS, SEVERITY_WORDS
from optimus_tui.wording.wrapping import elided, wrap

if TYPE_CHECKING:
    from optimus_tui.contract.tools.common import Report


LONGEST_WORD = 24
"""Cells to which a word of a head is kept whole."""
MOST_CELL_LINES = 6
"""Lines of a cell from which on it is elided instead: ``--json`` has it whole."""
WIDEST = 120
MAX_ROWS = 20
"""Rows or lines of one section: a page is read without scrolling back far."""
_STYLES = {"critical": "bold red", "warning": "yellow", "ok": "green", "quiet": "dim", "": ""}
_COPIED = ("command", "file")
"""Labels of lines that are never wrapped, so that they can be copied."""


class FittedTable:
    """A table of safe cells, followed by lines of text.

    Columns that do not fit are left out and named below it. A name that is too wide is wrapped between words.
    """

    def __init__(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[RenderableType] = ()
    ) -> None:
        self.heads, self.rows, self.below = heads, rows, below
        self.figures = [all(is_figure(row[at]) or not row[at] for row in rows) for at in range(len(heads))]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, what had to be left out, and the lines below."""
        widths = fitting_widths([self._need(at) for at in range(len(self.heads))], options.max_width + GAP)
        if self.heads:
            yield self._table(widths)
        if len(widths) < len(self.heads):
            yield Text(left_out(self.heads[len(widths) :]), style="dim")
        yield from self.below

    def _need(self, at: int) -> Need:
        head = self.heads[at]
        return Need(
            head=cell_len(head),
            cells=max((cell_len(row[at]) for row in self.rows), default=0),
            least_head=min(LONGEST_WORD, max([LEAST, *(cell_len(word) for word in head.split())])),
            whole=self.figures[at],
        )

    def _table(self, widths: Sequence[int]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
        for head, width, figures in zip(self.heads, widths, self.figures, strict=False):
            table.add_column(
                Text(head), justify="right" if figures else "left", width=width, no_wrap=True, overflow="ignore"
            )
        for row in self.rows:
            table.add_row(*(Text(_fitted(cell, width)) for cell, width in zip(row, widths, strict=False)))
        return table


def _fitted(cell: str, width: int) -> str:
    """Return a cell that is too wide in lines, broken between words; a very long one with its middle elided."""
    lines = wrap(cell, width, cell_len)
    if len(lines) > MOST_CELL_LINES:
        return elided(cell, width, cell_len)
    return "\n".join(lines)


class WrappedText:
    """A text that is wrapped between words at the available width; a URL keeps host and port on one line."""

    def __init__(self, text: str, style: str = "") -> None:
        self.text, self.style = text, style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the least and the greatest width that it can use."""
        return Measurement(1, max(1, min(options.max_width, cell_len(self.text))))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield its lines."""
        lines = wrap(self.text, options.max_width, cell_len)
        yield Text("\n".join(lines), style=self.style, no_wrap=True, overflow="ignore")


def render(report: "Report", console: Console | None = None, widest: int = WIDEST) -> None:
    """Print the page.

    Args:
        report: the answer of a tool.
        console: where to print; None is stdout. Its width is reduced to ``widest``.
        widest: columns of the page at most.
    """
    console = console or Console(highlight=False, markup=False, emoji=False)
    console.width = min(widest, console.width)
    console.print(_headline(report))
    made = sections(report, MAX_ROWS)
    for section in made:
        if section.kind == "findings":
            console.print(*_findings(section), sep="\n")
    for section in made:
        if section.kind == "facts" and (parts := list(_facts(section))):
            console.print()
            console.print(_titled(section.title, parts))
    for section in made:
        if section.kind == "advice":
            _print_advice(console, section)


def _headline(report: "Report") -> Text:
    document: dict[str, Any] = msgspec.to_builtins(report)
    line = Text()
    mark = headline(document)
    if mark is not None:
        line.append(f"{mark.text}  ", style=_STYLES[mark.severity_style])
    line.append(safe_text(report.tool), style="bold")
    line.append(f"  {safe_text(report.timestamp)}", style="dim")
    return line


def _titled(title: str, parts: list[RenderableType]) -> RenderableType:
    grid = Table.grid()
    grid.add_row(Text(title, style="bold"))
    for part in parts:
        grid.add_row(Padding(part, (0, 0, 0, 2)))
    return grid


def _findings(section: Section) -> Iterator[RenderableType]:
    """Yield a row for each line: the severity in front of a finding's first line, nothing in front of the others."""
    if not section.urgent:
        for line in section.lines:
            yield WrappedText(f"● {line.text}", style=_STYLES[line.severity_style])
        return
    for line in section.lines:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=6, no_wrap=True)
        row.add_column()
        if line.starts_item:
            mark = SEVERITY_WORDS.get(line.label, SEVERITY_MARKS["low"])
            row.add_row(Text(mark.text, style=_STYLES[mark.severity_style]), WrappedText(line.text))
        else:
            row.add_row("", WrappedText(line.text, style=_STYLES[line.severity_style]))
        yield row


def _facts(section: Section) -> Iterator[RenderableType]:
    """Yield the table and what stands below it, or the labelled values and sentences of the section."""
    lines = [line for line in section.lines if not line.in_headline]
    if section.rows:
        below = [WrappedText(_labelled(line), style=_STYLES[line.severity_style]) for line in lines]
        yield FittedTable(section.columns, section.rows, below)
        return
    if any(line.label for line in lines):
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column()
        for line in lines:
            grid.add_row(Text(line.label), WrappedText(line.text, style=_STYLES[line.severity_style]))
        yield grid
    else:
        for line in lines:
            yield WrappedText(line.text, style=_STYLES[line.severity_style])


def _labelled(line: Fact) -> str:
    if line.label:
        return f"{line.label}: {line.text}"
    return line.text


def _print_advice(console: Console, section: Section) -> None:
    """Print what to do, numbered; a command stands on a line of its own and is not wrapped."""
    if not section.lines:
        return
    console.print()
    console.print(Text(section.title, style="bold"))
    number = 0
    for line in section.lines:
        if line.label in _COPIED:
            console.print(Text(f"     {line.text}"), soft_wrap=True)
            continue
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=4, justify="right")
        grid.add_column()
        if line.starts_item:
            number += 1
            text = f"{line.text}  [{line.label}]" if line.label else line.text
            grid.add_row(f"{number}.", WrappedText(text))
        else:
            grid.add_row("", WrappedText(_labelled(line), style=_STYLES[line.severity_style]))
        console.print(grid)
