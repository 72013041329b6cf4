"""What every screen above the dashboard answers alike: help, copies, themes, the way out. Knows no screen by name."""

from typing import Any

from textual import on, work
from textual.binding import ActiveBinding

from optimus_tui.tui import clipboard, messages
from optimus_tui.tui.crash import parted
from optimus_tui.tui.modals.choose import ChooseDialog
from optimus_tui.tui.modals.text import help_dialog
from optimus_tui.tui.once import Once
from optimus_tui.tui.theme import THEMES
from optimus_tui.tui.toasts import PATH_SECONDS, toast_text
from optimus_tui.tui.widgets.bars import KeyStrip


class Leaving(Once):
    """The keys that work everywhere."""

    def copy_forms(self) -> list[tuple[str, str]]:
        """What ``Y`` offers: a name and the text, each."""
        return []

    def say(self, sentence: str, severity: Any = "information", path: object = None) -> None:
        """A toast: safe text, never markup. ``path``: the file that the sentence ends with."""
        words = toast_text(sentence, path, self.app.size.width)
        self.app.notify(words, markup=False, severity=severity, timeout=PATH_SECONDS if path else 4)

    def say_bug(self, name: str, place: str) -> None:
        """That a worker ended by a bug, and where the report is."""
        words, path = parted(place)
        self.say(f"{name} stopped because of a bug. {words}", "error", path)

    def action_help(self) -> None:
        about = " ".join((type(self).__doc__ or "").split())
        title = type(self).__name__.removesuffix("Screen")
        self.app.push_screen(help_dialog(title, about, self._offered()))

    def _offered(self) -> list[ActiveBinding]:
        """The keys that work here, without those that the footer leaves out because there is nothing to do for them."""
        labels = {name: word for strip in self.query(KeyStrip) for name, word in strip.labels.items()}
        return [one for one in self.active_bindings.values() if labels.get(one.binding.id or "", "offered")]

    @work(exclusive=True, group="copy", exit_on_error=False)
    async def action_copy_as(self) -> None:
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
        names = [theme.name for theme in THEMES]
        at = names.index(self.app.theme) if self.app.theme in names else -1
        self.app.theme = names[(at + 1) % len(names)]

    def action_quit(self) -> None:
        """Leave the program; the exit code is 0."""
        self.app.exit(0)
