"""Print a tool's document as a page: the verdict, the findings, the figures in aligned tables, then what to do.

What stands on the page is made by ``tools.sections``, as for the screen; this module chooses order, colours and widths.
All text is safe already and never read as markup.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from optimus_tui.cli.reports.fitted_table import FittedTable
from optimus_tui.tools.pages.report_headline import SEVERITY_WORDS, headline
from optimus_tui.tools.pages.sections import Fact, Section, sections
from optimus_tui.wording.glyphs import SEVERITY_MARKS
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.tools.common import Report

WIDEST = 120
MAX_ROWS = 20
"""Rows or lines of one section: a page is read without scrolling back far."""
_STYLES = {"critical": "bold red", "warning": "yellow", "ok": "green", "quiet": "dim", "": ""}
_COPIED = ("command", "file")
"""Labels of lines that are never wrapped, so that they can be copied."""


def render(report: "Report", console: Console | None = None) -> None:
    """Print the page.

    Args:
        report: the answer of a tool.
        console: where to print; None is stdout. Its width is reduced to ``WIDEST``.
    """
    console = console or Console(highlight=False, markup=False, emoji=False)
    console.width = min(WIDEST, console.width)
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
        line.append(f"{mark.text}  ", style=_STYLES[mark.tone])
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
            yield Text(f"● {line.text}", style=_STYLES[line.tone])
        return
    for line in section.lines:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=6, no_wrap=True)
        row.add_column(overflow="fold")
        if line.starts_item:
            mark = SEVERITY_WORDS.get(line.label, SEVERITY_MARKS["low"])
            row.add_row(Text(mark.text, style=_STYLES[mark.tone]), Text(line.text))
        else:
            row.add_row("", Text(line.text, style=_STYLES[line.tone]))
        yield row


def _facts(section: Section) -> Iterator[RenderableType]:
    """Yield the table and what stands below it, or the labelled values and sentences of the section."""
    lines = [line for line in section.lines if not line.in_headline]
    if section.rows:
        below = [Text(_labelled(line), style=_STYLES[line.tone]) for line in lines]
        yield FittedTable(section.columns, section.rows, below)
        return
    if any(line.label for line in lines):
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for line in lines:
            grid.add_row(Text(line.label), Text(line.text, style=_STYLES[line.tone]))
        yield grid
    else:
        for line in lines:
            yield Text(line.text, style=_STYLES[line.tone])


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
        grid.add_column(overflow="fold")
        if line.starts_item:
            number += 1
            text = Text(line.text)
            if line.label:
                text.append(f"  [{line.label}]", style="dim")
            grid.add_row(f"{number}.", text)
        else:
            grid.add_row("", Text(_labelled(line), style=_STYLES[line.tone]))
        console.print(grid)
