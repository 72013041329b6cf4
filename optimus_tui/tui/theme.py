"""The product's themes, and the named text styles of ``styles/widgets.tcss`` that lines are drawn in.

Colours of the screen are defined here or in ``styles/``, those of printed pages in ``cli/reports/rendering.py``.
"""

from collections.abc import Sequence
from typing import Literal

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES, Theme
from textual.widget import Widget

THEMES: tuple[Theme, ...] = (
    Theme(
        name="optimus-dark",
        primary="#5fafd7",
        secondary="#5f87af",
        accent="#5fafd7",
        foreground="#d0d4da",
        background="#12151a",
        surface="#12151a",
        panel="#1b2027",
        success="#7fb77f",
        warning="#e5a54b",
        error="#f0616d",
        dark=True,
        variables={
            "quiet": "#7d8794",
            "bright": "#f2f4f7",
            "frame": "#3a434f",
            "cursor": "#26303c",
            "scrollbar": "#3a434f",
            "scrollbar-background": "#12151a",
        },
    ),
    Theme(
        name="optimus-light",
        primary="#1f6fa8",
        secondary="#4a6f93",
        accent="#1f6fa8",
        foreground="#2b3138",
        background="#fbfbf9",
        surface="#fbfbf9",
        panel="#eeeeea",
        success="#2c7a3f",
        warning="#9a5b00",
        error="#c0232f",
        dark=False,
        variables={
            "quiet": "#6b737d",
            "bright": "#000000",
            "frame": "#c3c7cc",
            "cursor": "#dfe8f1",
            "scrollbar": "#c3c7cc",
            "scrollbar-background": "#fbfbf9",
        },
    ),
    Theme(
        name="optimus-contrast",
        primary="#00d7ff",
        secondary="#00afff",
        accent="#00d7ff",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#000000",
        success="#00ff5f",
        warning="#ffaf00",
        error="#ff5f5f",
        dark=True,
        variables={
            "quiet": "#c8c8c8",
            "bright": "#ffffff",
            "frame": "#ffffff",
            "cursor": "#00449e",
            "scrollbar": "#ffffff",
            "scrollbar-background": "#000000",
        },
    ),
)

NAMES: tuple[str, ...] = (*(theme.name for theme in THEMES), *BUILTIN_THEMES)
"""What a user may choose: ours, then Textual's."""

VARIABLE_DEFAULTS = {
    "quiet": "gray",
    "bright": "white",
    "frame": "gray",
    "cursor": "#26303c",
    "scrollbar": "gray",
    "scrollbar-background": "black",
}
"""For themes that are not ours (a user may name any of Textual's)."""


Piece = tuple[str, str]
"""Safe text and the name of its text style: bright, quiet, good, warn, crit, accent, head, here (the
title of a pane, which shows the focus where there are no colours), or "" for plain."""

SEVERITY_TEXT_STYLES = {"critical": "crit", "warning": "warn", "ok": "good", "quiet": "quiet", "": ""}
"""The text style of a severity style (``wording.truth``) in lines."""
SEVERITY_COLORS = {"critical": "b:error", "warning": "b:warning", "ok": "success", "quiet": "quiet", "": ""}
"""The colour of a severity style in bars."""
SEVERITY_TOASTS: dict[str, Literal["information", "warning", "error"]] = {
    "critical": "error",
    "warning": "warning",
    "ok": "information",
    "quiet": "information",
}
"""The kind of toast of a severity style."""

TEXT_STYLES = ("bright", "quiet", "good", "warn", "crit", "accent", "head", "here")

MUTED = ("", "bright", "good", "head", "accent", "here")
"""Text styles that are quiet while the view is muted."""


class TextStyles:
    """The colours of the named text styles of one widget, on its own background or on the cursor's."""

    def __init__(self, widget: Widget) -> None:
        self.widget = widget
        self._known: dict[tuple[str, bool, bool], Style] = {}

    def clear(self) -> None:
        """Forget the styles: the theme has changed."""
        self._known.clear()

    def style(self, name: str, selected: bool = False, muted: bool = False) -> Style:
        """Return the Rich style of a text style.

        Args:
            name: The text style's name; empty for plain text.
            selected: Use the cursor's background.
            muted: The data is stale: draw everything but warnings in the quiet style.
        """
        slot = (name, selected, muted)
        style = self._known.get(slot)
        if style is None:
            style = self.widget.rich_style
            dimmed = muted and name in MUTED and not (name == "here" and self.widget.app.no_color)
            wanted = "quiet" if dimmed else name
            if wanted:
                style += self.widget.get_component_rich_style(f"text--{wanted}", partial=True)
            if selected:
                style += self.widget.get_component_rich_style("text--cursor", partial=True)
            self._known[slot] = style
        return style

    def strip(self, pieces: Sequence[Piece], width: int, selected: bool, muted: bool) -> Strip:
        """Return a line of exactly ``width`` cells."""
        segments = [Segment(text, self.style(style, selected, muted)) for text, style in pieces if text]
        return Strip(segments).adjust_cell_length(width, self.style("", selected, muted))


def plain_text(pieces: Sequence[Piece]) -> str:
    """Return the plain text of a line, without blanks at its end."""
    return "".join(text for text, _ in pieces).rstrip()
