"""Inks: the named text styles of ``styles/widgets.tcss``, and lines of text that are drawn in them."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

Piece = tuple[str, str]
"""Safe text and the name of its ink: bright, quiet, good, warn, crit, accent, head, here (the
title of a pane, which shows the focus where there are no colours), or "" for plain."""

INKS = ("bright", "quiet", "good", "warn", "crit", "accent", "head", "here")

MUTED = ("", "bright", "good", "head", "accent", "here")
"""Inks that are quiet while the view is muted."""


class InkStyles:
    """The styles of one widget's inks, on its own background or on the cursor's."""

    def __init__(self, widget: Widget) -> None:
        self.widget = widget
        self._known: dict[tuple[str, bool, bool], Style] = {}

    def clear(self) -> None:
        """Forget the styles: the theme has changed."""
        self._known.clear()

    def style(self, ink: str, selected: bool = False, muted: bool = False) -> Style:
        """Return an ink's style.

        Args:
            ink: The ink's name; empty for plain text.
            selected: On the cursor's background.
            muted: What is shown is stale: everything but warnings is quiet.
        """
        slot = (ink, selected, muted)
        style = self._known.get(slot)
        if style is None:
            style = self.widget.rich_style
            dimmed = muted and ink in MUTED and not (ink == "here" and self.widget.app.no_color)
            wanted = "quiet" if dimmed else ink
            if wanted:
                style += self.widget.get_component_rich_style(f"ink--{wanted}", partial=True)
            if selected:
                style += self.widget.get_component_rich_style("ink--cursor", partial=True)
            self._known[slot] = style
        return style

    def strip(self, pieces: Sequence[Piece], width: int, selected: bool, muted: bool) -> Strip:
        """Return a line of exactly ``width`` cells."""
        segments = [Segment(text, self.style(ink, selected, muted)) for text, ink in pieces if text]
        return Strip(segments).adjust_cell_length(width, self.style("", selected, muted))


def plain_text(pieces: Sequence[Piece]) -> str:
    """Return a line without its inks and without blanks at its end."""
    return "".join(text for text, _ in pieces).rstrip()
