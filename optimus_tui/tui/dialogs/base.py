"""The frame of every dialog, and dialogs with one answer: yes or no, one of several, one of a list, lines of text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from optimus_tui.assets import asset_dir
from optimus_tui.tui.widgets.fields import ReversedChoice

if TYPE_CHECKING:
    from optimus_tui.tui.services import AppServices


class SingleAnswerScreen(Screen[Any]):
    """A screen whose first result counts; later ones are ignored."""

    _answered = False

    @property
    def optimus(self) -> "AppServices":
        """Return the application's own services."""
        return cast("AppServices", self.app)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Dismiss the screen with a result. Nothing happens if it has been dismissed already.

        One that is not mounted yet is dismissed as soon as it is.
        """
        if self._answered:
            return AwaitComplete()
        self._answered = True
        leave = super().dismiss
        if self.is_mounted:
            return leave(result)
        self.call_later(lambda: leave(result) and None)  # a screen without its widgets could not be drawn
        return AwaitComplete()


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
