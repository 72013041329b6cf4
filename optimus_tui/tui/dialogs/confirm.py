"""A question that is answered with yes or no; Enter and Escape are no."""

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from optimus_tui.tui.dialogs.base import Dialog


class AskDialog(Dialog):
    """Dismisses with True for yes; Escape is no."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "dismiss(True)", "yes"), ("n,enter", "dismiss(False)", "no")]
    dialog_keys = "y yes   n no"

    def __init__(self, title: str, question: str) -> None:
        super().__init__()
        self.dialog_title, self.question = title, question

    def body(self) -> list[Widget]:
        """Return the question."""
        return [Static(Content(self.question), id="body")]
