"""The frame of every dialog, and dialogs with one answer: yes or no, one of several, one of a list, lines of text."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from textual import on
from textual._time import get_time
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from optimus_tui.assets import asset_dir
from optimus_tui.tui.widgets.fields import AnswerField, FilledInput, ReversedChoice

if TYPE_CHECKING:
    from optimus_tui.tui.services import AppServices


class SingleAnswerScreen(Screen[Any]):
    """A screen that is dismissed once: later results are ignored."""

    _answered = False

    @property
    def optimus(self) -> "AppServices":
        """Return the application's own services."""
        return cast("AppServices", self.app)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Dismiss the screen with a result, as soon as it is mounted. Nothing happens if that has been done already."""
        if self._answered:
            return AwaitComplete()
        self._answered = True
        leave = super().dismiss
        if self.is_mounted:
            return leave(result)
        self.call_later(lambda: leave(result) and None)  # a screen without its widgets could not be drawn
        return AwaitComplete()

    def _reset_focus(self, widget: Widget, avoiding: list[Widget] | None = None) -> None:
        """Leave the focus on a widget that is shown again; on a busy machine it learns late that it was hidden."""
        if avoiding is not None or not _is_shown(widget):
            super()._reset_focus(widget, avoiding)


def _is_shown(widget: Widget) -> bool:
    """Return whether the widget can have the focus, and no style hides it or one that it lies in."""
    return widget.is_attached and widget.focusable and all(node.display for node in widget.ancestors_with_self)


def about_lines(about: str) -> list[Widget]:
    """Return the explanation above a dialog's fields, with a blank line below it; nothing for an empty text."""
    if not about:
        return []
    return [Static(Content(about + "\n"), classes="card-about")]


class Dialog(SingleAnswerScreen, ModalScreen[Any]):
    """The base of all dialogs. Subclasses define ``dialog_title``, ``dialog_keys`` and ``body()``."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "modals.tcss"]

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "close"),
        ("q", "app.leave_dialog", "close"),
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
        """Return the widgets in the box."""
        return [VerticalScroll(id="body")]

    def on_mount(self) -> None:
        """Focus the body if it can have the focus."""
        scroll = self.query("#body")
        if scroll and scroll.first().can_focus:
            scroll.first().focus()


class ChooseDialog(Dialog):
    """A list of choices, each a name and a text; dismisses with the chosen text, or None."""

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


class _Question(Static):
    """The text of a question, which tells its dialog when it is painted."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines that are painted now."""
        cast("AskDialog", self.screen).note_shown()
        return super().render_lines(crop)


class AskDialog(Dialog):
    """A yes-or-no question; dismisses with True for yes. Escape means no, and Enter is refused with a sentence.

    ``shown_at``: when it was painted, in monotonic seconds. A key that was pressed before that does not answer it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "dismiss(True)", "yes"),
        ("n", "dismiss(False)", "no"),
        ("enter", "refuse_enter", ""),
    ]
    dialog_keys = "y yes   n or esc no"

    def __init__(self, title: str, question: str) -> None:
        super().__init__()
        self.dialog_title, self.question = title, question
        self.shown_at = float("inf")

    def body(self) -> list[Widget]:
        """Return the question, and the line for what is wrong."""
        return [_Question(Content(self.question), id="body"), Static(id="ask-wrong")]

    def on_mount(self) -> None:
        """Note when the question was painted; also on a screen that nobody sees, which renders nothing."""
        self.call_after_refresh(self.note_shown)

    def note_shown(self) -> None:
        """Note when the question was first painted."""
        self.shown_at = min(self.shown_at, get_time())

    def action_refuse_enter(self) -> None:
        """Say which keys answer: an Enter from habit must neither confirm nor close."""
        self.query_one("#ask-wrong", Static).update(Content(f"enter does nothing here: {self.dialog_keys}"))


class PickDialog(Dialog):
    """A list of choices, each a name and its meaning (safe text); dismisses with the index, or None.

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
FOLLOW_SECONDS = 1.0
"""How often an explanation that may change is read again."""
HELD_SECONDS = 0.8
"""A terminal repeats a key that is held down after at most this long."""


class FormDialog(Dialog):
    """A dialog with fields. Escape asks once before it drops what was typed; each Enter that is refused says why."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "close")]

    _leaving = False
    """Escape was pressed, and answered with the warning; the next one leaves."""

    @property
    def answers(self) -> list[AnswerField]:
        """Return the fields in their order."""
        return list(self.query(AnswerField))

    def would_lose(self) -> str:
        """Return the name of the dialog if text was typed into it."""
        return typed_in(self.dialog_title) if any(answer.is_touched for answer in self.answers) else ""

    def say(self, sentence: str) -> None:
        """Show a sentence (safe text) below the fields; empty for none."""
        self.query_one("#ask-wrong", Static).update(Content(sentence))

    def action_leave(self) -> None:
        """Close without an answer. If typed text would be lost, the first time only warns."""
        if self._leaving or not any(answer.is_touched for answer in self.answers):
            self.dismiss(None)
            return
        self._leaving = True
        self.say(DROPS)

    @on(Input.Changed)
    @on(Input.Submitted)
    def stay(self) -> None:
        """Remove the warning of Escape, because another key was pressed."""
        if self._leaving:
            self._leaving = False
            self.say("")


def typed_in(title: str) -> str:
    """Return the words that name the text typed into a dialog, for the question whether it may be lost."""
    return f"what was typed in “{title}”"


DROPS = "esc again drops what was typed; any other key goes on"


class QuestionField(NamedTuple):
    """A field's label, its initial text, and whether it must be filled in. All texts are safe.

    ``refused`` returns what is wrong with a text that is not empty; empty if nothing is.
    """

    label: str
    value: str = ""
    needed: bool = True
    refused: Callable[[str], str] = lambda text: ""

    @property
    def lower(self) -> str:
        """Return the label in lower case, for use within a sentence."""
        return self.label[:1].lower() + self.label[1:]

    def judge(self, text: str) -> str:
        """Return what is wrong with a text; empty if nothing is."""
        if self.needed and not text.strip():
            return f"{self.lower} missing"
        return self.refused(text.strip()) if text.strip() else ""


class QuestionDialog(FormDialog):
    """A dialog with text fields; dismisses with the texts in the order of the fields, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "", priority=True),
        Binding("up", "app.focus_previous", "", priority=True),
    ]
    dialog_keys = "enter continues   esc leaves"

    def __init__(
        self, title: str, lines: Sequence[QuestionField], about: str = "", follow: Callable[[], str] | None = None
    ) -> None:
        """Ask.

        Args:
            title: The title.
            lines: The fields.
            about: The explanation above them.
            follow: Returns the explanation as it is now: what it tells may change while the dialog is open.
        """
        super().__init__()
        self.dialog_title, self.lines, self.about, self.follow = title, lines, about, follow
        if len(lines) > 1:
            self.dialog_keys = self._keys_words(all(line.value.strip() for line in lines))

    @staticmethod
    def _keys_words(as_they_are: bool) -> str:
        if as_they_are:
            return "enter accepts all lines   typing overwrites, → edits   esc leaves"
        return "enter: next line, at last done   ↑↓ line   ^u empties it   esc leaves"

    def _is_as_filled_in(self) -> bool:
        """Return True if all of several lines hold what they were filled in with."""
        texts = [answer.field.value.strip() for answer in self.answers]
        return len(texts) > 1 and all(texts) and texts == [line.value.strip() for line in self.lines]

    @on(Input.Changed)
    def _say_what_enter_does(self) -> None:
        if len(self.lines) > 1:
            self.query_one("#card").border_subtitle = Content(self._keys_words(self._is_as_filled_in()))

    def body(self) -> list[Widget]:
        """Return the explanation and the fields."""
        body = about_lines(self.about)
        for number, line in enumerate(self.lines):
            field = FilledInput(line.value, id=f"ask-{number}", max_length=MAX_LENGTH, compact=True)
            label = line.label if line.needed else f"{line.label} (optional)"
            body.append(AnswerField(label, field, line.judge))
        return [*body, Static(id="ask-wrong")]

    def on_mount(self) -> None:
        """Focus the first field."""
        self.query_one("#ask-0", Input).focus()
        if self.follow is not None:
            self.set_interval(FOLLOW_SECONDS, self._draw_about)

    def _draw_about(self) -> None:
        about = self.follow() if self.follow is not None else self.about
        if about != self.about:
            self.about = about
            self.query_one(".card-about", Static).update(Content(about + "\n"))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """Go to the next line; at the last one, or where nothing is to be written, close with the answers."""
        event.stop()
        answers = self.answers
        at = next(place for place, answer in enumerate(answers) if answer.field is event.input)
        if answers[at].is_refused():
            return
        if at + 1 < len(answers) and not self._is_as_filled_in():
            self.set_focus(answers[at + 1].field)
            return
        if any(answer.is_refused() for answer in answers):
            return
        untouched = not any(answer.is_touched for answer in answers)
        if untouched and self.optimus.is_held(HELD_SECONDS):  # the enter that opened the dialog
            self.say("this enter came right after another one; press it once more to go on")
            return
        self.dismiss([answer.field.value.strip() for answer in answers])
