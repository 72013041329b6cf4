"""One field of a resource's model: name, type, optional, default. What is refused is said under it, by scaffold's rule.

Dismisses with the field, or None where it was left.
"""

from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.routers.answers import FieldAnswer
from optimus_tui.tui.tools.form import FormChoice
from optimus_tui.tui.widgets.typed import BoundedInput

LONGEST = 200


class FieldDialog(Dialog):
    """Enter keeps the field, Escape leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "close")]
    card_keys = "enter keeps it   ↑↓ next line   ←→ choose   esc leaves"

    def __init__(self, answer: FieldAnswer, others: list[FieldAnswer]) -> None:
        super().__init__()
        self.answer, self.others = answer, others
        self.card_title = f"Field {answer.name}" if answer.name else "New field"
        self.lines: list[Input | FormChoice] = []

    def body(self) -> list[Widget]:
        """Return the field's lines and the note below them."""
        from optimus_tui.scaffold.fields import TYPES

        one = self.answer
        self.lines = [
            BoundedInput(one.name, id="field-name", compact=True, max_length=LONGEST, classes="field-value"),
            FormChoice(tuple(TYPES), one.type, id="field-type", classes="field-value"),
            FormChoice((False, True), one.optional, id="field-optional", classes="field-value"),
            BoundedInput(one.default, id="field-default", compact=True, max_length=LONGEST, classes="field-value"),
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
        note = self.query_one("#field-note", Static)
        note.set_class(judge and bool(problem), "-wrong")
        note.update(
            Content(problem if judge and problem else "an empty default is none; optional means it may be null")
        )
        return problem

    @on(BoundedInput.TooLong)
    def _too_long(self, event: BoundedInput.TooLong) -> None:
        event.stop()
        note = self.query_one("#field-note", Static)
        note.add_class("-wrong")
        note.update(Content(event.sentence))

    @on(Input.Changed)
    @on(FormChoice.Turned)
    def _changed(self, event: Message) -> None:
        event.stop()
        self._note(bool(self.typed.name))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._keep()

    def _keep(self) -> None:
        if not self._note():
            self.dismiss(self.typed)

    def on_key(self, event: events.Key) -> None:
        """Go to another line with up and down, and take the field with enter."""
        at: Any = next((i for i, line in enumerate(self.lines) if line is self.focused), 0)
        if event.key in ("up", "down"):
            event.stop()
            step = 1 if event.key == "down" else -1
            self.set_focus(self.lines[(at + step) % len(self.lines)])  # at once: the next key may be here already
        elif event.key == "enter" and isinstance(self.lines[at], FormChoice):
            event.stop()
            self._keep()
