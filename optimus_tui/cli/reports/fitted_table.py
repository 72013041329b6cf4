"""A table for a terminal: columns that do not fit are left out and named below it.

``wording.columns`` decides which columns fit, as for the dashboard. A long name is elided in its middle, and
``--json`` has it whole. Sentences wrap between words.
"""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from optimus_tui.wording.columns import GAP, LEAST, Need, fitting_widths, is_figure, left_out

LONGEST_WORD = 24
"""A cell with blanks and no longer word than this is a sentence and wraps."""


class FittedTable:
    """A table of safe cells that fits the width, followed by lines of text."""

    def __init__(self, heads: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[Text] = ()) -> None:
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
            table.add_column(Text(head), justify="right" if figures else "left", width=width, overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(_fitted(cell, width)) for cell, width in zip(row, widths, strict=False)))
        return table


def _fitted(cell: str, width: int) -> str:
    """A sentence as it is, for it wraps; anything else that is too wide with its middle elided."""
    if cell_len(cell) <= width or (" " in cell and all(cell_len(word) <= LONGEST_WORD for word in cell.split())):
        return cell
    if width < 8:
        return set_cell_size(cell, max(0, width - 1)) + "…"
    tail = width // 3
    end = cell[-tail:]
    while end and (cell_len(end) > tail or cell_len(end[0]) == 0):  # no accent may land on the ellipsis
        end = end[1:]
    return set_cell_size(cell, width - 1 - cell_len(end)) + "…" + end
