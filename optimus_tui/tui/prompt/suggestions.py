"""The list above the prompt: how the command line can be completed, and what each command does."""

from collections.abc import Mapping, Sequence

from textual.content import Content
from textual.widgets import Static

from optimus_tui.tui.widgets.cells import fit_words

MOST_LINES, FEWEST_LINES, SHARE = 12, 4, 3
"""Lines of the list: so many, but at most one in ``SHARE`` of the screen's."""
EDGES = 4
"""Cells at both ends of a line."""
NAME_CELLS = 24
"""Cells of a command in front of what it does; a longer one moves that to the right."""


class SuggestionList(Static):
    """The list is drawn over the rows above the prompt, so that nothing moves when it opens."""

    DEFAULT_CSS = """
    SuggestionList { overlay: screen; display: none; width: 100%; background: $panel; padding: 0 1;
        text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="prompt-suggestions")
        self.can_focus = False

    def offer(self, lines: Sequence[str], abouts: Mapping[str, tuple[str, str]], chosen: str) -> None:
        """Show command lines, the first on top, as many as there is room for; without any, hide.

        Args:
            lines: Whole command lines.
            abouts: How a command is written with its argument, and what it does, by its name.
            chosen: The line that stands in the prompt: it is marked, and always among those that are shown.
        """
        self.display = bool(lines)
        if not lines:
            return
        most = min(MOST_LINES, max(FEWEST_LINES, self.screen.size.height // SHARE))
        at = lines.index(chosen) if chosen in lines else 0
        first = max(0, min(at - most // 2, len(lines) - most))
        shown = lines[first : first + most]
        room = self.screen.size.width - NAME_CELLS - EDGES
        rows = [_row(line, abouts, line == chosen, room) for line in shown]
        if left := len(lines) - len(shown):
            rows[-1] = Content.styled(f"  … {left + 1:,} more: type what they begin with, or press tab", "$quiet")
        self.styles.height = len(rows)
        self.styles.offset = (0, -len(rows))
        self.update(Content("\n").join(rows))


def _row(line: str, abouts: Mapping[str, tuple[str, str]], is_chosen: bool, room: int) -> Content:
    """Return a command with its argument and what it does in ``room`` cells; if it has a value, the value alone."""
    name, _, value = line.partition(" ")
    written, about = abouts.get(name, (f":{name}", ""))
    if value:
        written, about = f":{line}", ""
    style = "$primary bold reverse" if is_chosen else "$primary"
    about_words = fit_words(about, room).rstrip() if room > 0 else ""
    return Content.assemble("  ", (written, style), " " * max(2, NAME_CELLS - len(written)), (about_words, "$quiet"))
