"""A dialog that offers a few ways to go on and returns the number of the chosen one."""

from collections.abc import Sequence

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.options import ReversedChoice


class PickDialog(Dialog):
    """``choices`` are a name and what it means, each; dismisses with the index, or None. All texts are safe.

    ``greyed``: none of them can be chosen now, and ``about`` says why.
    """

    card_keys = "enter chooses   esc leaves"

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], about: str = "", greyed: bool = False) -> None:
        super().__init__()
        self.card_title, self.choices, self.about, self.greyed = title, choices, about, greyed
        if greyed:
            self.card_keys = "esc leaves"

    def body(self) -> list[Widget]:
        """Return the explanation and the rows."""
        options = [
            Option(
                Content.from_markup("[bold]$name[/]\n  $text" if text else "[bold]$name[/]", name=name, text=text),
                disabled=self.greyed,
            )
            for name, text in self.choices
        ]
        head: list[Widget] = [Static(Content(self.about + "\n"), classes="card-about")] if self.about else []
        return [*head, ReversedChoice(*options, id="body")]

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
