"""The dashboard's prompt (``/`` filters, ``:`` runs a command), and the commands that change how it looks and reads."""

from optimus_tui.tui.commands import CommandTarget, completions, run_line
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.tui.widgets.fields import PromptBar


class PromptController:
    """Opens, follows and closes the prompt bar."""

    def __init__(self, dashboard: DashboardServices, commands: CommandTarget) -> None:
        """Make the bar.

        Args:
            dashboard: Whose panes are filtered.
            commands: The same dashboard, as commands see it.
        """
        self.dashboard, self.commands = dashboard, commands
        self.bar = PromptBar()
        self._pane: Pane | None = None
        """The pane that the prompt was opened from."""

    def open_filter(self) -> None:
        """Ask for a filter of the current pane."""
        pane = self.dashboard.pane(self.dashboard.current)
        self._open("/", pane.filter.text)

    def open_command(self) -> None:
        """Ask for a command line."""
        self._open(":", "", completions(self.commands))

    def _open(self, sigil: str, text: str, choices: list[str] | None = None) -> None:
        self._pane = self.dashboard.pane(self.dashboard.current)
        self.bar.ask(sigil, text, choices)

    def follow(self, sigil: str, text: str) -> None:
        """Filter by what is typed so far, and show what is wrong with it."""
        if sigil == "/" and self._pane:
            self.bar.note(self._pane.set_filter(text) or "")

    def submit(self, sigil: str, text: str) -> None:
        """Close the bar and run the command line. A wrong filter keeps it open."""
        if sigil == "/" and self._pane and self._pane.filter_error:
            error = self._pane.set_filter(text)
            self.bar.note(error or "")
            if error:
                return
        self._close()
        if sigil == ":":
            self.run(text)

    def cancel(self, sigil: str) -> None:
        """Close the bar and take the filter away."""
        if sigil == "/" and self._pane:
            self._pane.set_filter("")
        self._close()

    def _close(self) -> None:
        self.bar.close()
        self.dashboard.pane(self.dashboard.current).focus()

    def run(self, line: str) -> None:
        """Run one command line, and show what is wrong with it in a toast."""
        try:
            run_line(self.commands, line)
        except CommandError as error:
            self.dashboard.say(str(error), "warning")


"""Seconds that + and - step through."""
