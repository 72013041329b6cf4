"""The one-line prompt of ``/`` and ``:``. It knows nothing of filters or commands: it asks and reports."""

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label


class PromptBar(Horizontal):
    """Opens with a sigil and a text; posts PromptChanged while typing, then PromptSubmitted or PromptCancelled."""

    class PromptMessage(Message):
        """What the prompt holds, whatever happened to it."""

        def __init__(self, sigil: str, text: str) -> None:
            super().__init__()
            self.sigil, self.text = sigil, text

    class PromptChanged(PromptMessage):
        """Something was typed."""

    class PromptSubmitted(PromptMessage):
        """Enter was pressed."""

    class PromptCancelled(PromptMessage):
        """Escape was pressed, or the focus went elsewhere."""

    def compose(self) -> ComposeResult:
        """Return the sigil, the field and the note."""
        yield Label("", id="prompt-sigil")
        yield Input(id="prompt-input", select_on_focus=False, max_length=300)
        yield Label("", id="prompt-note")

    @property
    def is_open(self) -> bool:
        """Return True while it asks."""
        return self.display

    def ask(self, sigil: str, text: str = "", choices: list[str] | None = None) -> None:
        """Open and take the focus."""
        self.sigil = sigil
        field = self.query_one(Input)
        self.query_one("#prompt-sigil", Label).update(Content(sigil))
        self.note("")
        with field.prevent(Input.Changed):
            field.value = text
        field.suggester = SuggestFromList(choices, case_sensitive=False) if choices else None
        field.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(field)  # at once: what is typed ahead must not reach a pane as commands

    def note(self, sentence: str) -> None:
        """Show a sentence at the right end (safe text)."""
        self.query_one("#prompt-note", Label).update(Content(sentence))

    def close(self) -> None:
        """Close; who asked moves the focus."""
        self.display = False

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.PromptChanged(self.sigil, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.PromptSubmitted(self.sigil, event.value))

    def on_key(self, event: events.Key) -> None:
        """Cancel on Escape."""
        if event.key == "escape" and self.is_open:
            event.stop()
            event.prevent_default()
            self.post_message(self.PromptCancelled(self.sigil, self.query_one(Input).value))
