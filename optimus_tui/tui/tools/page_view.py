"""A page of lines that is only read, such as the result of a drill."""

from typing import Any, ClassVar

from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.tools.lists import ReportView


class PageView(ReportView):
    """The lines of a page that is only read: the keys scroll it at once, and no line is chosen."""

    BINDINGS: ClassVar[Any] = chosen(*(key for key in MOVES if key != "pane.open"))
    cursor_visible = False

    def action_move(self, by: int) -> None:
        """Scroll by lines."""
        self.jump_to(int(self.scroll_offset.y) + by)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self.action_move(by * self.page_size)

    def action_first(self) -> None:
        """Scroll to the beginning."""
        self.action_move(-len(self.rows))

    def action_last(self) -> None:
        """Scroll to the end."""
        self.action_move(len(self.rows))
