"""How much of the dashboard is shown: four panes, one pane, or a sentence where the terminal is too small."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from optimus_tui.tui.dashboard.status_line import tab_words
from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.widgets.bars import TabStrip

if TYPE_CHECKING:
    from typing import Any

WIDE = (120, 35)
"""Columns and rows from which on the panes stand 2×2."""
MINIMUM = (60, 16)
"""Columns and rows below which only a sentence is shown."""


class PaneLayout:
    """Sets the classes by which ``styles/dashboard.tcss`` shows and hides panes."""

    def __init__(self, screen: "Screen[Any]", dashboard: DashboardServices) -> None:
        """Show all panes.

        Args:
            screen: The dashboard as the Textual screen that is laid out.
            dashboard: The same dashboard, for its panes.
        """
        self.screen, self.dashboard = screen, dashboard
        self.zoomed = False

    @property
    def is_single(self) -> bool:
        """Return True if one pane is shown alone."""
        return self.screen.has_class("-single")

    def apply(self) -> None:
        """Show the panes 2×2 if there is room, else one pane; a sentence if not even that fits."""
        width, height = self.dashboard.size
        tiny = width < MINIMUM[0] or height < MINIMUM[1]
        single = not tiny and (self.zoomed or width < WIDE[0] or height < WIDE[1])
        self.screen.set_class(tiny, "-tiny")
        self.screen.set_class(single, "-single")
        self.screen.set_class(not tiny and not single, "-wide")
        for pane in self.dashboard.panes():
            pane.set_class(self.dashboard.current == pane.NAME, "-current")
        if tiny:
            text = f"Optimus TUI needs {MINIMUM[0]}×{MINIMUM[1]}; this is {width}×{height}."
            self.screen.query_one("#too-small", Static).update(Content(text))
        self.draw_tabs()
        self.dashboard.draw_status()
        self.pace_sources()

    def toggle_zoom(self) -> None:
        """Show the current pane alone, or all of them again."""
        self.zoomed = not self.zoomed
        self.apply()

    def draw_tabs(self) -> None:
        """Draw number, title and state of each pane."""
        tabs = tab_words(self.dashboard.panes(), self.dashboard.current, self.dashboard.size.width)
        self.screen.query_one(TabStrip).tabs = tabs

    def pace_sources(self) -> None:
        """Stop reading what only a hidden pane shows, and read what its tab shows half as often."""
        for name, source in (("cache", "details"), ("cache", "keys"), ("limits", "limits")):
            factor = 1.0
            if self.is_single and self.dashboard.current != name:
                factor = 0.0 if source == "details" else 2.0
            self.dashboard.bridge.pace(source, factor)
