"""A dialog that offers a few texts and returns the chosen one, as for "copy as"."""

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.options import ReversedChoice


class ChooseDialog(Dialog):
    """``choices`` are a name and the text each; dismisses with the text, or None."""

    dialog_keys = "enter copies   esc leaves"

    def __init__(self, title: str, choices: list[tuple[str, str]]) -> None:
        super().__init__()
        self.dialog_title, self.choices = title, choices

    def body(self) -> list[Widget]:
        """Return the choices."""
        return [
            ReversedChoice(
                *[Option(Content.from_markup("[bold]$name[/]\n  $text", name=n, text=t)) for n, t in self.choices],
                id="body",
            )
        ]

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.choices[event.option_index][1])
