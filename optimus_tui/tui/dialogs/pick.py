"""A dialog that offers a few choices and returns the number of the chosen one."""

from collections.abc import Sequence

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from optimus_tui.tui.dialogs.base import Dialog, about_lines
from optimus_tui.tui.widgets.options import ReversedChoice


class PickDialog(Dialog):
    """``choices`` are a name and what it means, each; dismisses with the index, or None. All texts are safe.

    ``greyed``: none of them can be chosen now, and ``about`` says why.
    """

    dialog_keys = "enter chooses   esc leaves"

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], about: str = "", greyed: bool = False) -> None:
        super().__init__()
        self.dialog_title, self.choices, self.about, self.greyed = title, choices, about, greyed
        if greyed:
            self.dialog_keys = "esc leaves"

    def body(self) -> list[Widget]:
        """Return the explanation and the rows."""
        options = []
        for name, text in self.choices:
            lines = Content.from_markup("[bold]$name[/]\n  $text", name=name, text=text).rstrip()
            options.append(Option(lines, disabled=self.greyed))
        return [*about_lines(self.about), ReversedChoice(*options, id="body")]

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
