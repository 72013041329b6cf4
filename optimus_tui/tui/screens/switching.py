"""What a command may change about the whole dashboard: interval, environment, scenario, colours, pane."""

from difflib import get_close_matches

import msgspec
from textual import work

from optimus_tui.tui.commands import CommandError
from optimus_tui.tui.screens.base import DashboardBase
from optimus_tui.tui.theme import THEMES

INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds that + and - step through."""


class Switching(DashboardBase):
    """The road of ``:`` commands and of the keys that do the same."""

    def refresh_now(self) -> None:
        """Wake every loop."""
        if self.bridge and self.bridge.sampler:
            self.bridge.sampler.refresh()

    def action_interval(self, by: int) -> None:
        now = self.settings.refresh_seconds
        nearest = min(range(len(INTERVALS)), key=lambda i: abs(INTERVALS[i] - now))
        self.set_interval_seconds(INTERVALS[max(0, min(len(INTERVALS) - 1, nearest + by))])

    def set_interval_seconds(self, seconds: float) -> None:
        """How often to look; the loops follow at once."""
        if not 0.5 <= seconds <= 60:
            raise CommandError("the interval goes from 0.5 to 60 seconds")
        self.settings = msgspec.structs.replace(self.settings, refresh_seconds=seconds)
        self.context.settings = self.settings
        for pane in self.panes():
            pane.settings = self.settings
        self.refresh_now()
        self.say(f"looking every {seconds:g} s")

    def environments(self) -> list[str]:
        """Names that ``:env`` takes."""
        return self.optimus.environments

    def switch_environment(self, name: str) -> None:
        """Open the dashboard anew on another environment."""
        self.optimus.switch_environment(name)

    def scenarios(self) -> list[str]:
        """Names that ``:scenario`` takes; none outside the demo."""
        return list(self.optimus.demo.scenarios) if self.optimus.demo else []

    def switch_scenario(self, name: str) -> None:
        """Switch the demo; its header says which scenario runs."""
        if name not in self.scenarios():
            raise CommandError(f"no scenario {name!r}; there are {', '.join(self.scenarios())}")
        self._switch_scenario(name)

    @work(exclusive=True, group="scenario", exit_on_error=False)
    async def _switch_scenario(self, name: str) -> None:
        if self.optimus.demo is not None:
            await self.optimus.demo.switch(name)
            self.say(self.optimus.demo.note or f"scenario {name}")

    def themes(self) -> list[str]:
        """Names that ``:theme`` takes, ours first."""
        ours = [theme.name for theme in THEMES]
        return ours + sorted(set(self.app.available_themes) - set(ours))

    def set_theme(self, name: str) -> None:
        """Change the colours."""
        if name not in self.app.available_themes:
            known = self.themes()
            near = get_close_matches(name, known, 1, 0.0)[0]
            raise CommandError(f"no theme {name!r}; the nearest of {len(known)} is {near}")
        self.app.theme = name

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        at = names.index(self.app.theme) if self.app.theme in names else -1
        self.set_theme(names[(at + 1) % len(names)])
