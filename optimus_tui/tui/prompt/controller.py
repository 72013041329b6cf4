"""Open, follow and close the prompt of ``:`` and ``/``, which every screen has."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual import events
from textual.widget import Widget

from optimus_tui.tui.prompt.bar import PromptBar
from optimus_tui.tui.widgets.bars import KeyStrip

if TYPE_CHECKING:
    from optimus_tui.grammar.filter import Filter
    from optimus_tui.tui.services import AppServices


TENANT = "tenant:"
_MORE_THAN_A_WORD = frozenset(" :")
"""What no plain word of a filter holds."""


class Filterable(Protocol):
    """A list that ``/`` filters: a pane, or a screen with one list."""

    FIELDS: ClassVar[tuple[str, ...]]
    """The names that a filter may use here."""
    filter: "Filter"

    def set_filter(self, text: str) -> str | None:
        """Filter the rows. Return the sentence to show when the text is not a filter, else None."""


class Prompt(PromptBar):
    """The prompt of the screen that it is mounted on."""

    def __init__(self) -> None:
        super().__init__()
        self._filtered: Filterable | None = None
        self._came_from: Widget | None = None
        """What had the focus before."""

    @property
    def app_services(self) -> "AppServices":
        """Return the services that run command lines and keep the history."""
        return cast("AppServices", self.app)

    def open_filter(self, filtered: Filterable, names: Iterable[str] = ()) -> None:
        """Ask for a filter, and apply it to ``filtered`` while it is typed. Tab also completes ``names``."""
        self._filtered = filtered
        choices = [f"{name}:" for name in filtered.FIELDS]
        if TENANT in choices:
            tenants = self._tenants()
            choices += [f"{TENANT}{name}" for name in tenants]
            names = [*tenants, *names]
        choices = list(
            dict.fromkeys([*choices, *(name for name in names if name and not _MORE_THAN_A_WORD & set(name))])
        )
        self._open("/", filtered.filter.text, choices)

    def _tenants(self) -> list[str]:
        """Return the tenants that a filter can name: those that ``:tenant`` completes to, in one word."""
        lines = (line.partition(" ") for line in self.app_services.command_lines())
        return [name for command, _, name in lines if command == "tenant" and name and " " not in name]

    def open_command(self) -> None:
        """Ask for a command line."""
        abouts = {row[0][1:].partition(" ")[0]: row for row in self.app_services.command_help()}
        self._open(":", "", self.app_services.command_lines(), abouts)

    def _open(
        self, sigil: str, text: str, choices: list[str], abouts: Mapping[str, tuple[str, str]] | None = None
    ) -> None:
        if not self.is_open:
            self._came_from = self.screen.focused
        self.ask(sigil, text, choices, self.app_services.prompt_history.lines(sigil), abouts)
        self._show_keys(self.key_words)

    def follow(self, text: str) -> None:
        """Filter by the text typed so far, and show what is wrong with it."""
        if self.sigil == "/" and self._filtered is not None:
            self.note(self._filtered.set_filter(text) or "")

    def submit(self, text: str) -> None:
        """Close and run the command line. A wrong filter keeps the prompt open."""
        sigil = self.sigil
        if sigil == "/" and self._filtered is not None:
            error = self._filtered.set_filter(text)
            self.note(error or "")
            if error:
                return
        self._close()
        self._remember(sigil, text)
        if sigil == ":":
            self.run(text)

    def cancel(self) -> None:
        """Close and remove the filter."""
        if self.sigil == "/" and self._filtered is not None:
            self._filtered.set_filter("")
        self._close()

    def leave(self) -> None:
        """Close because the focus goes elsewhere. No command runs; the last valid filter stays."""
        if not self.is_open:
            return
        if self.sigil == "/" and self._filtered is not None:
            self._filtered.set_filter(self._filtered.filter.text)
        self._close()

    def leave_for_click(self, event: events.MouseDown) -> None:
        """Close if something else was clicked, before the click is handled."""
        if self.is_open and not self.region.contains(event.x, event.y):
            self.leave()

    def _close(self) -> None:
        screen, field = self.screen, self.field
        focused = screen.focused
        self.close()
        self._show_keys("")
        if focused is None or focused is field:
            target = self._came_from
            if target is None or not target.is_attached or not target.focusable:
                target = next((one for one in screen.query(screen.AUTO_FOCUS or "*") if one.focusable), None)
            screen.set_focus(target)

    def _show_keys(self, words: str) -> None:
        """Show in the key line what the prompt's keys do; an empty text shows the screen's keys again."""
        for strip in self.screen.query(KeyStrip):
            strip.typing_words = words

    def run(self, line: str) -> None:
        """Run one command line; if it fails, show why in a toast."""
        problem = self.app_services.run_command(line)
        if problem:
            self.notify(problem, markup=False, severity="warning")

    def _remember(self, sigil: str, text: str) -> None:
        history = self.app_services.prompt_history
        line = history.add(sigil, text)
        if line is not None:
            asyncio.get_running_loop().run_in_executor(None, history.keep, line)
