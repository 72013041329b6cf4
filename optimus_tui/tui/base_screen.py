"""What every screen answers alike: help, copies, themes, toasts and the way out."""

from typing import Any

from textual import on, work
from textual.binding import ActiveBinding

from optimus_tui.tui import messages
from optimus_tui.tui.single_answer import SingleAnswerScreen
from optimus_tui.tui.terminal import clipboard
from optimus_tui.tui.terminal.crash import parted
from optimus_tui.tui.theme import THEMES
from optimus_tui.tui.toasts import PATH_SECONDS, toast_text
from optimus_tui.tui.widgets.bars import KeyStrip


class BaseScreen(SingleAnswerScreen):
    """A screen with the keys that work everywhere."""

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the forms that ``Y`` offers, each a name and the text that is copied."""
        return []

    def help_subject(self) -> tuple[str, str]:
        """Return the title of the help dialog and a sentence about what it is for."""
        return type(self).__name__.removesuffix("Screen"), _docstring(self)

    def say(self, sentence: str, severity: Any = "information", path: object = None) -> None:
        """Show a toast of plain text, never markup.

        Args:
            sentence: What to say.
            severity: ``information``, ``warning`` or ``error``.
            path: The file that the sentence ends with; such a toast stays longer.
        """
        words = toast_text(sentence, path, self.app.size.width)
        self.app.notify(words, markup=False, severity=severity, timeout=PATH_SECONDS if path else 4)

    def say_bug(self, name: str, place: str, then: str = "") -> None:
        """Say that a worker ended because of a bug, and where its report is.

        Args:
            name: The worker.
            place: The sentence of ``crash.keep_report``.
            then: What happens next; empty for nothing.
        """
        words, path = parted(place)
        self.say(f"{name} stopped because of a bug{f'; {then}' if then else ''}. {words}", "error", path)

    def action_help(self) -> None:
        """Show the keys that work here."""
        from optimus_tui.tui.dialogs.text import help_dialog

        self.app.push_screen(help_dialog(*self.help_subject(), self._offered()))

    def _offered(self) -> list[ActiveBinding]:
        """Return the bindings that work here, without those that the footer leaves out for now."""
        labels = {name: word for strip in self.query(KeyStrip) for name, word in strip.labels.items()}
        return [active for active in self.active_bindings.values() if labels.get(active.binding.id or "", "offered")]

    @work(exclusive=True, group="copy", exit_on_error=False)
    async def action_copy_as(self) -> None:
        """Ask for a form and copy the row in it."""
        from optimus_tui.tui.dialogs.choose import ChooseDialog

        forms = self.copy_forms()
        if not forms:
            self.say("nothing to copy here: put the cursor on a row first", "warning")
            return
        text = await self.app.push_screen_wait(ChooseDialog("Copy as", forms))
        if text:
            self.say(f"copied {clipboard.copy(self.app, text)}")

    @on(messages.CopyRequested)
    def _copy(self, event: messages.CopyRequested) -> None:
        event.stop()
        self.say(f"{event.what} copied {clipboard.copy(self.app, event.text)}")

    def action_next_theme(self) -> None:
        """Change to the next of our own themes."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.app.theme) if self.app.theme in names else -1
        self.app.theme = names[(at + 1) % len(names)]

    def action_quit(self) -> None:
        """Leave the program; the exit code is 0."""
        self.app.exit(0)


def _docstring(documented: object) -> str:
    """Return the docstring of an object's class on one line."""
    return " ".join((type(documented).__doc__ or "").split())
