"""A dialog that asks for a line or two of text: why a step is skipped, a note, cause and resolution.

Enter in the last field answers; a field that is needed and empty is named, and an Enter that has been held down since
before the dialog opened answers nothing.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from optimus_tui.tui.dialogs.base import Dialog, about_lines

MAX_LENGTH = 2_000
HELD_SECONDS = 0.8
"""A terminal repeats a key that is held down after at most this long."""


class QuestionField(NamedTuple):
    """A field's label, its first text, and whether it must be filled in. All safe text."""

    label: str
    value: str = ""
    needed: bool = True


class QuestionDialog(Dialog):
    """Dismisses with the texts in the order of the lines, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "", priority=True),
        Binding("up", "app.focus_previous", "", priority=True),
    ]
    dialog_keys = "enter continues   esc leaves"

    def __init__(self, title: str, lines: Sequence[QuestionField], about: str = "") -> None:
        super().__init__()
        self.dialog_title, self.lines, self.about = title, lines, about

    def body(self) -> list[Widget]:
        """Return the explanation and the fields."""
        body = about_lines(self.about)
        for number, line in enumerate(self.lines):
            body.append(Static(Content(line.label), classes="ask-label"))
            field = Input(line.value, id=f"ask-{number}", select_on_focus=False, max_length=MAX_LENGTH, compact=True)
            body.append(field.add_class("ask-field"))
        return [*body, Static(id="ask-wrong")]

    def on_mount(self) -> None:
        """Focus the first field."""
        self.query_one("#ask-0", Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        fields = list(self.query(Input))
        at = fields.index(event.input)
        if at + 1 < len(fields):
            self.set_focus(fields[at + 1])
            return
        texts = [field.value.strip() for field in fields]
        for field, line, text in zip(fields, self.lines, texts, strict=True):
            if line.needed and not text:
                self.query_one("#ask-wrong", Static).update(Content(f"{line.label} is needed"))
                field.focus()
                return
        if not any(texts) and self.optimus.is_held(HELD_SECONDS):  # the enter that opened the dialog
            self.query_one("#ask-wrong", Static).update(Content("nothing is written here; press enter once more"))
            return
        self.dismiss(texts)
