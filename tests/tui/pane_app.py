"""A small application round one pane: our styles and themes, a clock that stands still, and every message kept."""

from typing import Any

from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.message import Message

from optimus_tui.assets import asset_dir
from optimus_tui.tui.app import ControlCharFilter
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.theme import THEMES, VARIABLE_DEFAULTS

STYLES = ("app", "dashboard", "panes", "widgets", "modals")


class PaneApp(App[None]):
    """Shows ``pane`` alone; ``told`` are the messages that reached the application."""

    def __init__(self, pane: Pane, theme: str = "optimus-dark") -> None:
        self._gate = ControlCharFilter()
        super().__init__(css_path=[asset_dir("styles") / f"{name}.tcss" for name in STYLES])
        self.pane, self.told = pane, list[Message]()
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def get_line_filters(self) -> "list[LineFilter]":
        return [self._gate, *super().get_line_filters()]

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.focus()

    def _hear(self, message: Message) -> None:
        self.told.append(message)

    on_interest_changed = on_preview_requested = on_copy_requested = _hear
    on_export_requested = on_refresh_requested = on_state_changed = _hear

    def heard(self, kind: type[Message]) -> list[Any]:
        """The messages of one kind, in order."""
        return [message for message in self.told if isinstance(message, kind)]


def screen_lines(app: App[Any]) -> list[str]:
    """What stands on the screen now, line by line, without colours."""
    width, height = app.size
    strips = app.screen._compositor.render_strips(app.size) if hasattr(app.screen, "_compositor") else []
    del width
    return ["".join(segment.text for segment in strip) for strip in strips][:height]
