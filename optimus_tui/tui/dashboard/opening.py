"""The first frame: the panes' frames without their contents, while what draws and fills them is still being loaded."""

from rich.segment import Segment
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from optimus_tui.settings.model import Settings
from optimus_tui.tui.dashboard.sizes import PaneBox, boxes
from optimus_tui.wording.safe import safe_text

TITLES = {"health": "1 Health", "limits": "2 Rate limits", "cache": "3 Cache keys", "feed": "4 Coherence feed"}
"""What the frames of the panes begin with: each pane's ``NUMBER`` and ``TITLE``."""
STARTING = "starting …"
Cells = list[tuple[str, str]]
"""Text, and what ``Style.parse`` makes its style of."""


class Opening(Widget):
    """Draws the dashboard's outline. It takes no keys and knows nothing of any service; the dashboard covers it."""

    DEFAULT_CSS = "Opening { width: 1fr; height: 1fr; }"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def render_line(self, y: int) -> Strip:
        """Return line ``y`` of the screen."""
        colors = self.app.theme_variables
        base, frame, bright = colors["background"], colors.get("frame", "gray"), colors.get("bright", "white")
        cells: Cells = []
        if y in (0, self.size.height - 1):
            base = colors["panel"]
            cells = self._product(bright, colors) if y == 0 else []
        for box in boxes(self.size):
            if box.y <= y < box.y + box.height:
                cells += _row(box, y - box.y, colors["primary"] if box.name == "health" else frame, bright)
        segments = [Segment(text, Style.parse(f"{style or frame} on {base}").rich_style) for text, style in cells]
        return Strip(segments).adjust_cell_length(self.size.width, Style.parse(f"on {base}").rich_style)

    def _product(self, bright: str, colors: dict[str, str]) -> Cells:
        """Return the product and the environment, with which the dashboard's status line begins."""
        usual = "error" if self.settings.environment.startswith("prod") else "accent"
        color = self.settings.color or usual
        name = safe_text(self.settings.environment, 24)
        return [(" OPTIMUS", f"bold {bright}"), (f"   {name}", f"bold {colors.get(color, color)}")]


def _row(box: PaneBox, at: int, frame: str, bright: str) -> Cells:
    """Return line ``at`` of a pane's frame."""
    room = box.width - 5
    if at == 0:
        title = TITLES[box.name]
        return [("╭─ ", frame), (title, f"bold {bright}"), (f" {'─' * (room - len(title))}╮", frame)]
    if at == box.height - 1:
        return [("╰─ ", frame), (STARTING, ""), (f" {'─' * (room - len(STARTING))}╯", frame)]
    return [(f"│{' ' * (box.width - 2)}│", frame)]
