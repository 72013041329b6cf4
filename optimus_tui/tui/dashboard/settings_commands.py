"""The commands and keys that change how the dashboard looks and reads: interval, environment, colours."""

from difflib import get_close_matches

import msgspec

from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.tui.theme import THEMES

INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds that + and - step through."""


class SettingsCommands:
    """Changes settings while the dashboard runs."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def step_interval(self, by: int) -> None:
        """Go ``by`` places on in ``INTERVALS`` from the nearest to the present interval."""
        now = self.dashboard.settings.refresh_seconds
        nearest = min(range(len(INTERVALS)), key=lambda i: abs(INTERVALS[i] - now))
        self.set_interval(INTERVALS[max(0, min(len(INTERVALS) - 1, nearest + by))])

    def set_interval(self, seconds: float) -> None:
        """Set the seconds between two readings; the loops follow at once.

        Raises:
            CommandError: ``seconds`` is below 0.5 or above 60.
        """
        if not 0.5 <= seconds <= 60:
            raise CommandError("the interval goes from 0.5 to 60 seconds")
        dashboard = self.dashboard
        dashboard.settings = msgspec.structs.replace(dashboard.settings, refresh_seconds=seconds)
        dashboard.context.settings = dashboard.settings
        for pane in dashboard.panes():
            pane.settings = dashboard.settings
        dashboard.refresh_now()
        dashboard.say(f"looking every {seconds:g} s")

    def environments(self) -> list[str]:
        """Return the names that ``:env`` takes."""
        return self.dashboard.optimus.environments

    def switch_environment(self, name: str) -> None:
        """Close this environment and open the dashboard on another."""
        self.dashboard.optimus.switch_environment(name)

    def themes(self) -> list[str]:
        """Return the names that ``:theme`` takes, ours first."""
        ours = [theme.name for theme in THEMES]
        return ours + sorted(set(self.dashboard.app.available_themes) - set(ours))

    def set_theme(self, name: str) -> None:
        """Change the colours.

        Raises:
            CommandError: There is no theme of this name; the nearest one is named.
        """
        app = self.dashboard.app
        if name not in app.available_themes:
            known = self.themes()
            near = get_close_matches(name, known, 1, 0.0)[0]
            raise CommandError(f"no theme {name!r}; the nearest of {len(known)} is {near}")
        app.theme = name
