"""The frame of every dialog: a box in the middle; escape closes it, and the keys that work stand in its lower edge."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from optimus_tui.assets import asset_dir
from optimus_tui.tui.single_answer import SingleAnswerScreen


def about_lines(about: str) -> list[Widget]:
    """Return the explanation above a dialog's fields, with a blank line below it; nothing for an empty text."""
    if not about:
        return []
    return [Static(Content(about + "\n"), classes="card-about")]


class Dialog(SingleAnswerScreen, ModalScreen[Any]):
    """Subclasses give ``dialog_title``, ``dialog_keys`` and ``body()``. Its styles are parsed with the first dialog."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "modals.tcss"]

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q", "dismiss(None)", "close"),
        # At once, before the next key is handed to what has the focus: it may be here already.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    dialog_title = ""
    dialog_keys = "esc closes"

    def compose(self) -> ComposeResult:
        """Return the box with its title, its keys and its body."""
        box = Vertical(id="card")
        box.border_title = Content(self.dialog_title)
        box.border_subtitle = Content(self.dialog_keys)
        with box:
            yield from self.body()

    def body(self) -> list[Widget]:
        """Return what stands in the box."""
        return [VerticalScroll(id="body")]

    def on_mount(self) -> None:
        """Focus the body if it can have the focus."""
        scroll = self.query("#body")
        if scroll and scroll.first().can_focus:
            scroll.first().focus()
