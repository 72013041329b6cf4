"""What every screen answers alike: help, copies, themes, toasts and the way out."""

from typing import Any, ClassVar

from textual import events, on
from textual.binding import ActiveBinding
from textual.screen import Screen

from optimus_tui.tui import messages, terminal
from optimus_tui.tui.dialogs.base import SingleAnswerScreen
from optimus_tui.tui.key_gate import asking
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.prompt.controller import Prompt
from optimus_tui.tui.toasts.place import ToastRoom
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.changes import ChangedLinesCompositor
from optimus_tui.wording.safe import safe_text

LONGEST, LONGEST_PATH = 400, 4_096
"""Characters of a sentence and of a path: one that is cut leads nowhere."""
SHORT_SECONDS, LONG_SECONDS = 4, 10
"""How long a toast stands: an answer to a key; and a path, which is to be read or taken with the mouse, or a proof."""


def toast_text(sentence: str, path: object) -> str:
    """Return a sentence as safe text, with the ``path`` that it is about on a line of its own."""
    text = safe_text(sentence, LONGEST)
    if path:
        text += f"\n{safe_text(str(path), LONGEST_PATH)}"
    return text


class BaseScreen(SingleAnswerScreen):
    """A screen with the keys that work everywhere, and with the prompt of ``:`` above its key line."""

    BINDINGS: ClassVar[Any] = chosen("app.palette")
    way_back = "back"
    """What ``esc`` does in a word, for the footer; empty if it does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt, self._compositor = Prompt(), ChangedLinesCompositor()

    @on(events.Mount)
    def _add_prompt(self) -> None:
        self.mount(self.prompt, ToastRoom(), before=self.query_one(KeyStrip))

    def why_not_left(self) -> str:
        """Return why a command must not close this screen; empty if nothing would be lost."""
        return ""

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the forms that ``Y`` offers, each a name and the text that is copied."""
        return []

    def help_subject(self) -> tuple[str, str]:
        """Return the title of the help dialog and a sentence about what it is for."""
        return type(self).__name__.removesuffix("Screen"), docstring_of(self)

    def say(self, sentence: str, severity: Any = "information", path: object = None, *, lasting: bool = False) -> None:
        """Show a toast of plain text, never markup.

        Args:
            sentence: What to say.
            severity: ``information``, ``warning`` or ``error``.
            path: The file that the sentence ends with; such a toast stays longer.
            lasting: It stays as long as one with a path, because it answers no key and nobody expects it.
        """
        seconds = LONG_SECONDS if path or lasting else SHORT_SECONDS
        self.app.notify(toast_text(sentence, path), markup=False, severity=severity, timeout=seconds)

    def say_bug(self, name: str, place: str, then: str = "") -> None:
        """Say that a worker ended because of a bug, where its report is, and what happens ``then``."""
        words, path = terminal.split_report_place(place)
        self.say(f"{name} stopped because of a bug{f'; {then}' if then else ''}. {words}", "error", path)

    def action_help(self) -> None:
        """Show the keys that work here."""
        from optimus_tui.tui.dialogs.help import help_dialog

        self.app.push_screen(help_dialog(*self.help_subject(), _offered(self), self.optimus.command_help()))

    @asking("copy")
    async def action_copy_as(self) -> None:
        """Ask for a form and copy the row in it."""
        await _copy_as(self)

    @on(messages.CopyRequested)
    def _copy(self, event: messages.CopyRequested) -> None:
        event.stop()
        self.say(f"{event.what} copied {terminal.copy(self.app, event.text)}")

    def action_quit(self) -> None:
        """Go one level back, as ``esc`` does. The dashboard leaves the program."""
        self.call_later(self.run_action, "back")


async def _copy_as(screen: BaseScreen) -> None:
    """Ask for one of the forms that the screen has for a row, and copy it."""
    from optimus_tui.tui.dialogs.base import ChooseDialog

    forms = screen.copy_forms()
    if not forms:
        screen.say("nothing to copy here: put the cursor on a row first", "warning")
        return
    text = await screen.app.push_screen_wait(ChooseDialog("Copy as", forms))
    if text:
        screen.say(f"copied {terminal.copy(screen.app, text)}")


def docstring_of(documented: object) -> str:
    """Return the docstring of an object's class on one line."""
    return " ".join((type(documented).__doc__ or "").split())


def _offered(screen: Screen[Any]) -> list[ActiveBinding]:
    """Return the bindings that work on a screen, without those that the footer leaves out for now."""
    labels = {name: word for strip in screen.query(KeyStrip) for name, word in strip.labels.items()}
    return [active for active in screen.active_bindings.values() if labels.get(active.binding.id or "", "offered")]
