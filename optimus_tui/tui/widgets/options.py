"""Lists of options whose chosen line is seen without colours too."""

from rich.style import Style
from textual.strip import Strip
from textual.widgets import OptionList, SelectionList

REVERSED = Style(reverse=True)


class ReversedChoice(OptionList):
    """Draws the highlighted option in reverse video under NO_COLOR: Textual leaves ``reverse`` out of an option."""

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        line = self.scroll_offset.y + y
        if not self.app.no_color or self.highlighted is None or line >= len(self._lines):
            return strip
        return strip.apply_style(REVERSED) if self._lines[line][0] == self.highlighted else strip


class TickList(ReversedChoice, SelectionList[int]):
    """Options that are ticked, each known by its number."""
