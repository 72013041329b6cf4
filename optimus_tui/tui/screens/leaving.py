"""What every screen above the dashboard answers alike: help, copies, themes, the way out. Knows no screen by name."""

from typing import Any

from textual import on, work

from optimus_tui.tui import clipboard, messages
from optimus_tui.tui.modals.choose import ChooseDialog
from optimus_tui.tui.modals.text import help_dialog
from optimus_tui.tui.once import Once
from optimus_tui.tui.theme import THEMES
from optimus_tui.wording.safe import safe_text


class Leaving(Once):
    """The keys that work everywhere."""

    def copy_forms(self) -> list[tuple[str, str]]:
        """What ``Y`` offers: a name and the text, each."""
        return []

    def say(self, sentence: str, severity: Any = "information") -> None:
        """A toast: safe text, never markup."""
        self.app.notify(safe_text(sentence, 400), markup=False, severity=severity, timeout=4)

    def action_help(self) -> None:
        about = " ".join((type(self).__doc__ or "").split())
        title = type(self).__name__.removesuffix("Screen")
        self.app.push_screen(help_dialog(title, about, self.active_bindings.values()))

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
