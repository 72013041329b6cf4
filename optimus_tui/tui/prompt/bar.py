"""The one-line prompt of ``/`` and ``:``: Tab completes, the arrows recall earlier lines."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Label

from optimus_tui.tui.prompt.suggestions import SuggestionList


class PromptBar(Horizontal):
    """A prompt that opens with a sigil and a text; a subclass defines what typing, Enter and leaving do.

    Tab takes a suggestion, the arrows go through earlier lines. All keys act at once, so that keys typed right after
    them are not handled first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", show=False, priority=True),
        Binding("shift+tab", "complete(-1)", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
        Binding("escape", "cancel", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.sigil = ""
        self._choices: Sequence[str] = ()
        self._earlier: Sequence[str] = ()
        self._abouts: Mapping[str, tuple[str, str]] = {}
        self._recalled = 0
        """Which of the earlier lines is shown; their number for what was typed."""
        self._draft = ""
        """What was typed before an earlier line was shown."""
        self._told = ""
        """The text whose change was told last."""
        self._offered = ("", "", -1)
        """The text after a completion, the text that it completes, and which of its completions it is."""

    def compose(self) -> ComposeResult:
        """Return the sigil, the field and the note."""
        yield Label("", id="prompt-sigil")
        yield Input(id="prompt-input", select_on_focus=False, max_length=300)
        yield Label("", id="prompt-note")

    @property
    def field(self) -> Input:
        """Return the field where the text is typed."""
        return self.query_one(Input)

    @property
    def is_open(self) -> bool:
        """Return True while it is open."""
        return bool(self.display and self.sigil)

    @property
    def key_words(self) -> str:
        """Return its keys with what they do, for the line below it."""
        does = {":": "runs it", "/": "keeps the filter"}.get(self.sigil, "")
        leaves = {":": "leaves", "/": "shows all rows"}.get(self.sigil, "")
        completes = {":": "tab, → complete it", "/": "tab completes"}.get(self.sigil, "")
        return f"enter {does}   {completes}   ↑↓ earlier   esc {leaves}"

    def ask(
        self,
        sigil: str,
        text: str = "",
        choices: Sequence[str] = (),
        earlier: Sequence[str] = (),
        abouts: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        """Open and take the focus.

        Args:
            sigil: ``:`` for a command line, ``/`` for a filter.
            text: The initial text.
            choices: What Tab completes to: whole command lines, or words of a filter.
            earlier: The earlier lines, the oldest first.
            abouts: How a command is written, and what it does, by its name: for the list above the prompt.
        """
        self.sigil, self._choices, self._earlier, self._abouts = sigil, choices, earlier, abouts or {}
        self._recalled, self._offered = len(earlier), ("", "", -1)
        field = self.field
        self.query_one("#prompt-sigil", Label).update(Content(sigil))
        self.note("")
        self._write(text)
        self._told = text
        field.suggester = None
        if choices:
            field.suggester = _SuggestWord(self.completions)
        self.display = True
        self._list_suggestions()
        self.screen.set_focus(field)  # at once: what is typed ahead must not reach a pane as commands

    def _write(self, text: str) -> None:
        field = self.field
        with field.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(text)

    def note(self, sentence: str) -> None:
        """Show a sentence at the right end (safe text)."""
        self.query_one("#prompt-note", Label).update(Content(sentence))

    def close(self) -> None:
        """Hide the prompt; the caller moves the focus."""
        self.display = False
        self.sigil = ""
        self._list_suggestions()

    # -- what Tab and the arrows do

    def completions(self, text: str) -> list[str]:
        """Return the completions of a text: command lines that begin with it, or filters whose last word does.

        The name of a command is completed first, its argument once the name is followed by a blank. A word of a filter
        is the name of a field, or a name in the rows.
        """
        if not text and self.sigil == "/":
            return [one for one in self._choices if one.endswith(":")]
        if not text:
            return self._ranked()
        head, space, word = text.rpartition(" ")
        choices = self._choices
        if self.sigil == ":":
            head, space, word = "", "", text
            if " " not in text:
                choices = [one for one in choices if " " not in one.rstrip()]
        elif ":" not in word:
            choices = [one for one in choices if one.endswith(":") or ":" not in one]
        begun = [one for one in choices if one.lower().startswith(word.lower()) and one.lower() != word.lower()]
        return [f"{head}{space}{one}" for one in begun if word or self.sigil == ":"]

    def _ranked(self) -> list[str]:
        """Return the names of all commands: those that were used last first, the others as the table has them."""
        names = [one for one in self._choices if " " not in one.rstrip()]
        used = dict.fromkeys(line.partition(" ")[0] for line in reversed(self._earlier))
        places = {name: place for place, name in enumerate(used)}
        return sorted(names, key=lambda one: places.get(one.rstrip(), len(places)))

    def _list_suggestions(self, stem: str | None = None) -> None:
        """Show what the command line can become: the text that stands there, or ``stem`` where Tab has filled in."""
        offered: list[str] = []
        if self.sigil == ":":
            offered = self.completions(self.field.value if stem is None else stem)
        if not self.query(SuggestionList):  # not before it is needed: the first frame has no use for it
            if not offered:
                return
            self.mount(SuggestionList(), before=0)
        self.query_one(SuggestionList).offer(offered, self._abouts, self.field.value)

    def action_complete(self, by: int) -> None:
        """Take the suggestion; pressed again, take the next one with the same beginning."""
        offered, stem, at = self._offered
        if at < 0 or offered != self.field.value:
            stem, at = self.field.value, -1 if by > 0 else 0
        found = self.completions(stem)
        if found == [self.field.value]:  # the only one stands there: what comes behind it is next
            stem, at = self.field.value, -1 if by > 0 else 0
            found = self.completions(stem)
        if not found:
            self._say("it is complete" if stem in self._choices else "no suggestion begins like this")
            return
        at = (at + by) % len(found)
        self._offered = (found[at], stem, at)
        self._write(found[at])
        self._tell_changed()
        self._list_suggestions(stem)
        if len(found) > 1:
            self.note(f"{at + 1} of {len(found)}")

    def action_recall(self, by: int) -> None:
        """Show the previous or the next line of the history; after the newest one, the text typed now."""
        if self._recalled == len(self._earlier):
            self._draft = self.field.value
        at = self._recalled + by
        if at < 0:
            self._say("that is the oldest line" if self._earlier else "nothing was typed here before")
        elif at > len(self._earlier):
            self._say("that is the newest line" if self._earlier else "nothing was typed here before")
        else:
            self._recalled = at
            self._write([*self._earlier, self._draft][at])
            self._tell_changed()

    def action_cancel(self) -> None:
        """Leave the prompt because Escape was pressed."""
        self.cancel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for every key while it is closed."""
        return self.is_open

    # -- what a subclass does

    def follow(self, text: str) -> None:
        """Handle a change of the text."""

    def submit(self, text: str) -> None:
        """Handle Enter."""

    def cancel(self) -> None:
        """Handle Escape."""

    def leave(self) -> None:
        """Handle the loss of the focus."""

    # -- what the field tells

    def _say(self, sentence: str) -> None:
        """Show a sentence about the text that stands there, whether or not it was told of already."""
        if self._told != self.field.value:
            self._tell_changed()
        self.note(sentence)

    def _tell_changed(self) -> None:
        self._told = self.field.value
        self.note("")
        self._list_suggestions()
        self.follow(self.field.value)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open and event.value == self.field.value != self._told:
            self._tell_changed()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.is_open:
            self.submit(event.value)

    def on_descendant_blur(self) -> None:
        """Call ``leave`` if the focus moved elsewhere, but not if only the terminal window lost its focus."""
        if self.is_open and self.app.app_focus and not self.field.has_focus:
            self.leave()


class _SuggestWord(Suggester):
    """Suggests the first completion, as Tab takes it."""

    def __init__(self, completions: Callable[[str], list[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._completions = completions

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first completion; None without one."""
        found = [one for one in self._completions(value) if one.startswith(value)]
        if found and value:
            return found[0]
        return None
