"""The fields of the action dialog: the confirming words, the reason, and the window in seconds if none is known."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from optimus_tui.contract.actions import Confirmation, Plan
from optimus_tui.tui.dialogs.base import typed_in
from optimus_tui.tui.widgets.fields import AnswerField, ReasonInput, TypedInput
from optimus_tui.wording.safe import safe_text

MIN_REASON = 3
"""Characters of a reason."""
MAX_WINDOW = 8
"""Digits of a window in seconds."""


def judge_reason(text: str) -> str:
    """Return what is wrong with a typed reason; empty if nothing is."""
    if not text.strip():
        return "reason missing"
    if len(text.strip()) < MIN_REASON:
        return "reason too short: three letters or more"
    return ""


def judge_window(text: str) -> str:
    """Return what is wrong with a typed window in seconds; empty if nothing is."""
    if text:
        return ""
    return "seconds missing"


def subject_of_plan(plan: Plan) -> object:
    """Return what a confirmation is about: the action, its keys and its server."""
    return plan.request, plan.digest, plan.where


class ConfirmForm(Vertical):
    """Three fields with their marks. Typed text stays when the plan changes."""

    def __init__(self) -> None:
        super().__init__(id="asked")
        self.words = ""
        """What has to be typed; empty while there is no plan."""
        self.plan: Plan | None = None
        """The plan that the words are about."""
        self._shown: object = None
        """The plan that is on the screen, as ``subject_of_plan`` identifies it; None for none."""
        self._typed_for: object = None
        """The plan that was on the screen when the words were typed."""
        self._focused: Widget | None = None
        """What had the focus when a plan was begun; None without one."""
        window = Input(id="window", max_length=MAX_WINDOW, restrict="[0-9]*", select_on_focus=False, compact=True)
        typed = TypedInput(id="confirm-typed", max_length=120, select_on_focus=False, compact=True)
        reason = ReasonInput(id="confirm-reason", max_length=400, select_on_focus=False, compact=True)
        self.window = AnswerField("Window in seconds", window, judge_window)
        self.typed = AnswerField("Words", typed, self._judge_words)
        self.reason = AnswerField("Reason", reason, judge_reason)

    def compose(self) -> ComposeResult:
        """Return the fields."""
        yield from self.answers

    @property
    def answers(self) -> list[AnswerField]:
        """Return the fields in their order."""
        return [self.window, self.typed, self.reason]

    def _judge_words(self, typed: str) -> str:
        if not self.words:
            return "the plan says which"
        if not typed:
            return "not typed yet"
        if typed != self.words:
            if self.words.startswith(typed):
                return "words not complete yet"
            return "not these words"
        if self.plan is None or self._typed_for != subject_of_plan(self.plan):
            return "typed for another list: read this one, type them again"
        return ""

    @property
    def missing(self) -> AnswerField | None:
        """Return the first of words and reason that is not filled in; None if both are."""
        return next((answer for answer in (self.typed, self.reason) if answer.missing), None)

    @property
    def is_touched(self) -> bool:
        """Return True if something was typed."""
        return any(answer.is_touched for answer in self.answers)

    @property
    def confirmation(self) -> Confirmation:
        """Return what was typed."""
        return Confirmation(self.typed.field.value, self.reason.field.value.strip())

    def expect(self, plan: Plan | None, words: str) -> None:
        """Take another plan, or none. Words typed after it has been painted count for it."""
        self.plan, self.words = plan, words
        if plan is None:
            self._shown = None

    def note_shown(self) -> None:
        """Remember that the plan has been painted: words typed from now on count for it."""
        if self.plan is not None and self.typed.display:
            self._shown = subject_of_plan(self.plan)

    def draw(self, asks_window: bool, takes_words: bool) -> None:
        """Show the fields that have to be filled in, with their marks."""
        self.window.display = asks_window
        self.typed.display = self.reason.display = takes_words
        label = "Words to type, known with the plan"
        if self.words:
            label = f"Type  {safe_text(self.words, 60)}"
        self.typed.set_label(label)
        for answer in self.answers:
            answer.draw()

    def note_focus(self) -> None:
        """Remember what has the focus while a plan is made: if Tab moves it meanwhile, it stays there."""
        self._focused = self.screen.focused

    def lost(self, stage: str, title: str) -> str:
        """Return in words what of an action would be lost if the program ended now; empty for nothing."""
        if stage == "acting":
            return f"the rest of the action that runs now: {title}"
        if self.is_touched:
            return typed_in(title)
        return ""

    def ask_for_missing(self, refused: bool) -> bool:
        """Focus the first empty field, unless Tab has moved the focus while the plan was made.

        Args:
            refused: Enter was pressed and refused: the focus moves in any case, and the mark says why.
        """
        missing, before, self._focused = self.missing, self._focused, None
        if missing is None:
            return False
        # a field that is not shown any more has lost the focus by that: nobody moved it
        if not refused and before is not None and self.screen.focused not in (before, None):
            return True
        if refused:
            missing.refuse()
        self.screen.set_focus(missing.field)
        return True

    def type_ahead(self, letter: str) -> None:
        """Put a letter that was typed outside of the fields into the field of the confirming words."""
        field = self.typed.field
        self.screen.set_focus(field, from_app_focus=True)  # a field that tab reaches selects what it holds
        field.cursor_position = len(field.value)
        field.insert_text_at_cursor(letter)

    @on(TypedInput.PasteRefused)
    def _pasted(self) -> None:
        self.typed.refuse("pasted text is not taken: type it")

    @on(Input.Changed, "#confirm-typed")
    def _words_typed(self) -> None:
        self._typed_for = self._shown
