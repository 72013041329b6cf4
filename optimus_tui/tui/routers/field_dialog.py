"""One field of a resource's model: name, type, optional, default. Under it stands what is wrong, in scaffold's words.

Dismisses with the field, or None if it was closed without one.
"""

from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.routers.answers import FieldAnswer
from optimus_tui.tui.tools.form import FormChoice
from optimus_tui.tui.widgets.fields import BoundedInput

MAX_LENGTH = 200


class FieldDialog(Dialog):
    """Enter keeps the field, Escape leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "close"),
        ("up", "step(-1)", ""),
        ("down", "step(1)", ""),
        ("enter", "keep", ""),
    ]
    dialog_keys = "enter keeps it   ↑↓ next line   ←→ choose   esc leaves"

    def __init__(self, answer: FieldAnswer, others: list[FieldAnswer]) -> None:
        super().__init__()
        self.answer, self.others = answer, others
        self.dialog_title = f"Field {answer.name}"
        if not answer.name:
            self.dialog_title = "New field"
        self.lines: list[Input | FormChoice] = []

    def body(self) -> list[Widget]:
        """Return the field's lines and the note below them."""
        from optimus_tui.scaffold.spec import TYPES

        field = self.answer
        self.lines = [
            BoundedInput(field.name, id="field-name", compact=True, max_length=MAX_LENGTH, classes="field-value"),
            FormChoice(tuple(TYPES), field.type, id="field-type", classes="field-value"),
            FormChoice((False, True), field.optional, id="field-optional", classes="field-value"),
            BoundedInput(field.default, id="field-default", compact=True, max_length=MAX_LENGTH, classes="field-value"),
        ]
        titles = ("name", "type", "optional", "default")
        rows = [
            Horizontal(Label(Content(f"{title:<10}"), classes="field-name"), line, classes="field")
            for title, line in zip(titles, self.lines, strict=True)
        ]
        return [Vertical(*rows, Static(" ", id="field-note"), id="body")]

    def on_mount(self) -> None:
        """Focus the name."""
        self.lines[0].focus()
        self._note(self.answer.name != "")

    @property
    def typed(self) -> FieldAnswer:
        """Return the field as it is typed now."""
        name, kind, optional, default = self.lines
        return FieldAnswer(str(name.value).strip(), str(kind.value), bool(optional.value), str(default.value))

    def _note(self, judge: bool = True) -> str:
        problem = self.typed.problem(self.others)
        note, wrong = self.query_one("#field-note", Static), judge and bool(problem)
        words = "an empty default is none; optional means it may be null"
        if wrong:
            words = problem
        note.set_class(wrong, "-wrong")
        note.update(Content(words))
        return problem

    @on(BoundedInput.TooLong)
    def _too_long(self, event: BoundedInput.TooLong) -> None:
        event.stop()
        note = self.query_one("#field-note", Static)
        note.add_class("-wrong")
        note.update(Content(event.sentence))

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self._note(bool(self.typed.name))

    @on(Input.Submitted)
    def action_keep(self) -> None:
        """Close with the field, if nothing is wrong with it."""
        if not self._note():
            self.dismiss(self.typed)

    def action_step(self, by: int) -> None:
        """Focus the next line, or the one before with a negative number; past an end the other end."""
        at = next((i for i, line in enumerate(self.lines) if line is self.focused), 0)
        self.set_focus(self.lines[(at + by) % len(self.lines)])  # at once: the next key may be here already
