"""The dashboard's prompt: ``/`` filters the pane it was opened from, ``:`` runs a command line."""

from textual import on

from optimus_tui.tui.alerts.controller import AlertsController
from optimus_tui.tui.commands import completions, run_line
from optimus_tui.tui.dashboard.navigation import Navigator
from optimus_tui.tui.dashboard.settings_commands import SettingsCommands
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.screens.drilling import Drilling
from optimus_tui.tui.services import CommandError
from optimus_tui.tui.widgets.prompt import PromptBar


class Prompting(Drilling):
    """Opens, follows and closes the prompt bar."""

    _asked_by: Pane | None = None

    alerts: AlertsController
    navigate: Navigator
    settings_commands: SettingsCommands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A colon inside the prompt is a colon."""
        if action == "command" and self.query_one(PromptBar).is_open:
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        self._ask("/", self.pane(self.current).filter.text)

    def action_command(self) -> None:
        self._ask(":", "", completions(self))

    def _ask(self, sigil: str, text: str, choices: list[str] | None = None) -> None:
        self._asked_by = self.pane(self.current)
        self.query_one(PromptBar).ask(sigil, text, choices)

    @on(PromptBar.Changed)
    def _prompt_changed(self, event: PromptBar.Changed) -> None:
        if type(event) is PromptBar.Changed and event.sigil == "/" and self._asked_by:
            self.query_one(PromptBar).note(self._asked_by.set_filter(event.text) or "")

    @on(PromptBar.Submitted)
    def _prompt_submitted(self, event: PromptBar.Submitted) -> None:
        if event.sigil == "/" and self._asked_by and self._asked_by.filter_error:
            error = self._asked_by.set_filter(event.text)
            self.query_one(PromptBar).note(error or "")
            if error:
                return
        self._close_prompt()
        if event.sigil == ":":
            self.run_command(event.text)

    @on(PromptBar.Cancelled)
    def _prompt_cancelled(self, event: PromptBar.Cancelled) -> None:
        if event.sigil == "/" and self._asked_by:
            self._asked_by.set_filter("")
        self._close_prompt()

    def _close_prompt(self) -> None:
        self.query_one(PromptBar).close()
        self.pane(self.current).focus()

    def run_command(self, line: str) -> None:
        """Run one command line; what is wrong with it is said in a toast."""
        try:
            run_line(self, line)
        except CommandError as error:
            self.say(str(error), "warning")
