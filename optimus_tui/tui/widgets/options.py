"""Lists of options whose chosen line is seen without colours too."""

from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widgets import OptionList, SelectionList

REVERSED = Style(reverse=True)


class ReversedChoice(OptionList):
    """Draws the highlighted option in reverse video under NO_COLOR: Textual leaves ``reverse`` out of an option."""

    def render_line(self, y: int) -> Strip:
        """Return a line, in reverse video where it has to be."""
        return _reversed(self, y, super().render_line(y))


class TickList(SelectionList[Any]):
    """Options that are ticked, with an empty box before the others: Textual tells the two apart by colour alone."""

    def render_line(self, y: int) -> Strip:
        """Return a line, in reverse video where it has to be."""
        strip, index = super().render_line(y), self.scroll_offset.y + y
        if index < self.option_count and self.get_option_at_index(index).value not in self.selected:
            left, box, *rest = strip
            strip = Strip([left, Segment(" ", box.style), *rest])
        return _reversed(self, y, strip)


def _reversed(options: OptionList, y: int, strip: Strip) -> Strip:
    line = options.scroll_offset.y + y
    if not options.app.no_color or options.highlighted is None or line >= len(options._lines):
        return strip
    return strip.apply_style(REVERSED) if options._lines[line][0] == options.highlighted else strip
