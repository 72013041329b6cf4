"""Input widgets: bounded text fields, fields with a mark, lists."""

from collections.abc import Callable
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, OptionList, SelectionList, Static
from textual.widgets.input import Selection


class TypedInput(Input):
    """A text field without pasting: the operator types facts to show that they were read."""

    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+v,shift+insert", "refuse_paste", "")]

    class PasteRefused(Message):
        """Posted when a paste was refused."""

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        event.stop()
        event.prevent_default()
        self.action_refuse_paste()

    def action_paste(self) -> None:
        """Refuse to paste."""
        self.action_refuse_paste()

    def action_refuse_paste(self) -> None:
        """Say that nothing can be pasted here; the field stays as it is."""
        self.post_message(self.PasteRefused())


class ReasonInput(Input):
    """A text field for a sentence. Several pasted lines become one, so that none acts as Enter."""

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(" ".join(event.text.split()))


class FilledInput(Input):
    """One line that may be filled in at first: that is selected, so typing replaces it, and an arrow keeps it.

    Its beginning stays in sight. What somebody typed is not selected when the focus comes back.
    """

    def __init__(self, value: str, **more: Any) -> None:
        super().__init__(value, select_on_focus=False, **more)
        self._filled_in = value

    def on_focus(self, event: events.Focus) -> None:
        """Select what it was filled in with, from the end to the beginning."""
        if self.value == self._filled_in and not event.from_app_focus:
            self.selection = Selection(len(self.value), 0)


class BoundedInput(Input):
    """A text field of at most ``max_length`` characters."""

    class TooLong(Message):
        """Posted when typed or pasted text does not fit; the field stays unchanged."""

        def __init__(self, limit: int) -> None:
            super().__init__()
            self.sentence = f"a line holds {limit:,} characters at most: the new text was not added"

    def restricted(self) -> None:
        """Post that the text is too long."""
        self.post_message(self.TooLong(self.max_length or 0))


class AnswerField(Vertical):
    """A text field under its label; a mark beside the label says what is missing.

    The mark reads ``✓`` or ``✗ reason missing``, and is highlighted after a refused Enter. A text longer than
    the field, and a mark longer than its room, are shown in full below it.
    """

    def __init__(self, label: str, field: Input, judge: Callable[[str], str] = lambda _: "") -> None:
        """Put a label and a mark above a field.

        Args:
            label: What stands above the field (safe text).
            field: The line itself.
            judge: Returns what is wrong with a text, as the mark says it; an empty string for a good one.
        """
        super().__init__(classes="answer")
        self.label, self.field, self.judge = label, field, judge
        self.first_value = field.value
        self._refused = ""
        self._label, self._mark = Static(Content(label), classes="ask-label"), Static(classes="ask-mark")
        self._whole = Static(classes="ask-whole")

    def compose(self) -> ComposeResult:
        """Return the label with the mark, and the field."""
        with Horizontal(classes="answer-head"):
            yield self._label
            yield self._mark
        yield self.field.add_class("ask-field")
        yield self._whole

    def on_mount(self) -> None:
        """Draw the mark for the first text."""
        self.draw()

    def on_resize(self) -> None:
        """Show the whole text below the field if the field has become too short for it."""
        self.call_after_refresh(self.draw)

    @property
    def missing(self) -> str:
        """Return what is wrong with the text; empty if nothing is."""
        return self.judge(self.field.value)

    @property
    def is_touched(self) -> bool:
        """Return True if the user has changed the text of the field."""
        return self.field.value.strip() not in ("", self.first_value.strip())

    def set_label(self, label: str) -> None:
        """Change the label (safe text)."""
        if label != self.label:
            self.label = label
            self._label.update(Content(label))

    def refuse(self, sentence: str = "") -> None:
        """Say beside the field why it was refused, until its text changes.

        Args:
            sentence: Why it was refused; empty to show what is missing.
        """
        self._refused = sentence or self.missing
        self.draw()

    def is_refused(self) -> bool:
        """Return True if the text is missing or wrong; then also focus the field and let its mark say why."""
        if not self.missing:
            return False
        self.refuse()
        self.screen.set_focus(self.field)
        return True

    def draw(self) -> None:
        """Draw the mark, unless the dialog has been closed meanwhile."""
        if not self._mark.is_attached:
            return
        wrong = self._refused or self.missing
        text = f"✗ {wrong}"
        if self._refused:
            text += ", so enter was refused"
        room = self.content_size.width - cell_len(self.label) - 2
        if self._refused and 0 < room < cell_len(text):
            text = f"✗ {wrong}"  # the reason first; that Enter was refused is seen
        if not wrong:
            text = "✓" * bool(self.field.value.strip())
        mark = self._mark
        if mark.content != Content(text):  # an update lays the screen out, and a dialog draws five times a second
            mark.update(Content(text))
        whole, value_room = self._whole, self.field.content_size.width
        lines = [f"in full: {self.field.value}"] if 0 < value_room <= cell_len(self.field.value) else []
        if 0 < room < cell_len(text):
            lines.insert(0, text)
        whole.display, said = bool(lines), Content("\n".join(lines))
        if whole.display and whole.content != said:
            whole.update(said)
        mark.update_classes({"-good": not wrong, "-refused": bool(self._refused)})

    @on(Input.Changed)
    def _changed(self) -> None:
        self._refused = ""
        self.draw()


REVERSED = Style(reverse=True)


class ReversedChoice(OptionList):
    """Draws the highlighted option in reverse video under NO_COLOR, because Textual drops ``reverse`` from options."""

    def render_line(self, y: int) -> Strip:
        """Return a line, in reverse video if necessary."""
        return _reversed(self, y, super().render_line(y))


class TickList(SelectionList[Any]):
    """A list of options that can be ticked.

    Unticked ones have an empty box, because Textual shows the state by colour alone.
    """

    def render_line(self, y: int) -> Strip:
        """Return a line, in reverse video if necessary."""
        strip, index = super().render_line(y), self.scroll_offset.y + y
        if index < self.option_count and self.get_option_at_index(index).value not in self.selected:
            left, box, *rest = strip
            strip = Strip([left, Segment(" ", box.style), *rest])
        return _reversed(self, y, strip)


def _reversed(options: OptionList, y: int, strip: Strip) -> Strip:
    line = options.scroll_offset.y + y
    if not options.app.no_color or options.highlighted is None or line >= len(options._lines):
        return strip
    if options._lines[line][0] == options.highlighted:
        return strip.apply_style(REVERSED)
    return strip
