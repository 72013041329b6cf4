"""The last filter: whatever a widget draws, no control character reaches the terminal from text.

``wording.safe`` makes hostile text visible where bytes become text. This filter guards against a path that forgot it:
it replaces what is left, one cell for each character it removes, so that columns keep their place.
"""

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_CHARACTER = "\N{REPLACEMENT CHARACTER}"


class ControlCharFilter(LineFilter):
    """A line filter over every rendered strip. Keep ONE instance: Textual caches strips by filter."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same segments if they are clean (the usual case), else with control characters replaced."""
        for text, _style, control in segments:
            if control is None and not text.isprintable() and _CONTROL.search(text):
                break
        else:
            return segments
        return [
            Segment(text if control is not None else _CONTROL.sub(_CHARACTER, text), style, control)
            for text, style, control in segments
        ]
