"""The frame of every dialog: a card in the middle, escape leaves, the keys that work stand in its lower edge."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from optimus_tui.assets import asset_dir
from optimus_tui.tui.single_answer import SingleAnswerScreen


class Dialog(SingleAnswerScreen, ModalScreen[Any]):
    """Subclasses give ``card_title``, ``card_keys`` and ``body()``. Its styles are parsed with the first dialog."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "modals.tcss"]

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q", "dismiss(None)", "close"),
        # At once, before the next key is handed to what has the focus: it may be here already.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    card_title = ""
    card_keys = "esc closes"

    def compose(self) -> ComposeResult:
        """Return the card with its title, its keys and its body."""
        card = Vertical(id="card")
        card.border_title = Content(self.card_title)
        card.border_subtitle = Content(self.card_keys)
        with card:
            yield from self.body()

    def body(self) -> list[Widget]:
        """Return what stands on the card."""
        return [VerticalScroll(id="body")]

    def on_mount(self) -> None:
        """Focus the body if it can have the focus."""
        scroll = self.query("#body")
        if scroll and scroll.first().can_focus:
            scroll.first().focus()
