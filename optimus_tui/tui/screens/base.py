"""What every part of the dashboard may use: its settings, its context, its panes and a way to say something."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from optimus_tui.context import Context
from optimus_tui.contract.health import HealthReport
from optimus_tui.settings.model import Settings
from optimus_tui.tui.feeds.bridge import Bridge
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.toasts import PATH_SECONDS, toast_text

if TYPE_CHECKING:
    from optimus_tui.tui.app import OptimusApp


class DashboardBase(Screen[None]):
    """State that the dashboard's parts share; it draws and routes nothing."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.context = Context(settings)
        self.bridge: Bridge | None = None
        self.health: HealthReport | None = None
        self.current = "health"

    @property
    def optimus(self) -> "OptimusApp":
        """The application, typed."""
        return cast("OptimusApp", self.app)

    def pane(self, name: str) -> Pane:
        """A pane by name."""
        return self.query_one(f"#{name}", Pane)

    def panes(self) -> Sequence[Pane]:
        """All four, in the order of their numbers."""
        return list(self.query(Pane))

    def say(self, sentence: str, severity: str = "information", path: object = None) -> None:
        """A toast: safe text, never markup. ``path``: the file that the sentence ends with."""
        words = toast_text(sentence, path, self.app.size.width)
        seconds = PATH_SECONDS if path else 4
        self.app.notify(words, markup=False, severity=cast(Any, severity), timeout=seconds)

    def action_quit(self) -> None:
        """Leave; the exit code is 0."""
        self.app.exit(0)
