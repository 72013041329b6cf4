"""A dialog of lines from outside: an event, a value, facts about a key. Drawn line by line, as panes are.

It takes safe text only and knows nothing of markup; a value of 64 kB scrolls as ten lines do.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.line_view import LineView, Piece

Fact = tuple[str, str, str]
"""A label (may be empty), safe text, and its ink."""

LABEL = 11
MAX_LINES = 4_000


class SheetView(LineView):
    """Facts, wrapped to the width there is; the label is on the first line of each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up,k", "scroll(-1)", ""),
        ("down,j", "scroll(1)", ""),
        ("pageup", "scroll_page(-1)", ""),
        ("pagedown,space", "scroll_page(1)", ""),
        ("g,home", "scroll_home", ""),
        ("G,end", "scroll_end", ""),
    ]
    head_lines = 0
    cursor_visible = False

    def __init__(self, facts: Sequence[Fact]) -> None:
        super().__init__(id="body")
        self.facts = facts
        self._wrapped_to = 0

    def on_mount(self) -> None:
        """Wrap for the usual width of a dialog, until it is laid out."""
        self._wrap_to(96)

    def on_resize(self) -> None:
        """Wrap for the new width."""
        self._wrap_to(self.scrollable_content_region.width)

    def _wrap_to(self, width: int) -> None:
        if width == self._wrapped_to or width < 8:
            return
        self._wrapped_to = width
        lines: list[list[Piece]] = []
        for label, text, style in self.facts:
            blanks = len(text) - len(text.lstrip(" "))
            indent = min(blanks, width // 2)
            if label:
                indent = LABEL
            for part in wrap(text.lstrip(" "), width - indent):
                lines.append([(f"{label:<{indent}}", "quiet"), (part, style)])
                label = ""
            if len(lines) > MAX_LINES:
                lines[MAX_LINES:] = [[("… the rest is not shown", "quiet")]]
                break
        self.set_rows(lines)
        self.refresh(layout=True)

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.scroll_relative(y=by, animate=False)

    def action_scroll_page(self, by: int) -> None:
        """Scroll by a number of pages."""
        self.scroll_relative(y=by * self.page_size, animate=False)

    def action_scroll_home(self) -> None:
        """Scroll to the first line."""
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self, **_: object) -> None:
        """Scroll to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False)


class SheetDialog(Dialog):
    """Facts to read."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "dismiss(None)", "")]

    def __init__(self, title: str, facts: Sequence[Fact], keys: str = "↑↓ scroll   esc closes") -> None:
        super().__init__()
        self.dialog_title, self.dialog_keys, self.facts = title, keys, facts

    def body(self) -> list[Widget]:
        """Return the facts."""
        return [SheetView(self.facts)]
