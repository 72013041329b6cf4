"""What every part of the dashboard may use: its settings, its context, its panes and a way to say something."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from textual.screen import Screen
from textual.worker import Worker

from optimus_tui.context import Context
from optimus_tui.contract.health import HealthReport
from optimus_tui.settings.model import Settings
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.feeds.bridge import Bridge
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.services import AppServices


class DashboardBase(BaseScreen):
    """State that the dashboard's parts share; it draws and routes nothing."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.context = Context(settings)
        self.bridge: Bridge | None = None
        self.health: HealthReport | None = None
        self.current = "health"

    @property
    def optimus(self) -> AppServices:
        """The application's own services."""
        return cast(AppServices, self.app)

    def pane(self, name: str) -> Pane:
        """Return the pane of this name."""
        return self.query_one(f"#{name}", Pane)

    def panes(self) -> Sequence[Pane]:
        """Return all four panes, in the order of their numbers."""
        return list(self.query(Pane))

    def is_on_top(self) -> bool:
        """Return True if no dialog or screen stands above the dashboard."""
        return self.app.screen is self

    def open_screen(self, screen: Screen[Any], on_answer: Callable[[Any], None] | None = None) -> None:
        """Show a screen above the dashboard; ``on_answer`` gets what it is dismissed with."""
        self.app.push_screen(screen, on_answer)

    async def ask(self, dialog: Screen[Any]) -> Any:
        """Show a dialog and wait for its answer. None if it was left without one."""
        return await self.app.push_screen_wait(dialog)

    def run_in_background(
        self,
        group: str,
        work: Callable[..., Awaitable[Any]],
        *arguments: Any,
        name: str = "",
        exclusive: bool = True,
    ) -> Worker[Any]:
        """Run ``work(*arguments)`` in a worker that ends with the dashboard.

        Args:
            group: The workers that an exclusive one replaces.
            work: A coroutine function.
            arguments: What it is called with.
            name: What a toast about a bug in it calls it; the group's name if empty.
            exclusive: Cancel the other workers of the group first.
        """
        return self.run_worker(
            partial(work, *arguments), name or group, group, exit_on_error=False, exclusive=exclusive
        )

    def focus_on(self, name: str) -> None:
        """Make a pane current and give it the focus."""

    def draw_status(self) -> None:
        """Draw the status line."""

    def refresh_now(self) -> None:
        """Make every sampling loop read again now."""
        if self.bridge and self.bridge.sampler:
            self.bridge.sampler.refresh()

    def cancel_group(self, group: str) -> None:
        """Cancel the workers of a group."""
        self.workers.cancel_group(self, group)
