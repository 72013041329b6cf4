"""The compliance screen's comparison with Redis: what routers declare and what Redis shows, read in the background.

It judges nothing: the differences are ``tools.pattern_drift``'s. A comparison that could not be made is never shown as
one without differences.
"""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from textual.content import Content

from optimus_tui.context import Context
from optimus_tui.contract.tools.patterns import LiveComparison
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.widgets.compliance_lists import DriftList, IssueList
from optimus_tui.wording.age import clock
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import AppServices


class LiveComparisonScreen(BaseScreen):
    """The part of the compliance screen that compares the code with Redis."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.live: LiveComparison | None = None
        self.live_failure = ""
        self._live_at: float | None = None

    @property
    def optimus(self) -> "AppServices":
        """Return the application's own services."""
        return cast("AppServices", self.app)

    def compare(self) -> None:
        """Ask Redis once more; what is shown stays until the answer is there."""
        self.run_worker(self._compare(), name="drift", group="drift", exclusive=True, exit_on_error=False)

    async def _compare(self) -> None:
        from optimus_tui.tools.arguments import ToolFailure

        self.draw_live("comparing …")
        drift = await asyncio.to_thread(_load)
        try:
            self.live, self.live_failure = await drift.compared(self.context), ""
        except ToolFailure as failure:
            self.live_failed(safe_text(failure.error.message, 400))
            return
        self._live_at = self.context.clock.wall()
        self.draw_live()

    def live_failed(self, sentence: str) -> None:
        """Show that code and Redis could not be compared, and why."""
        self.live, self.live_failure = None, sentence
        self.draw_live()

    def draw_live(self, progress: str = "") -> None:
        """Draw the differences with their coverage and time, and their number below the findings."""
        if not self.is_mounted:
            return
        view, live = self.query_one(DriftList), self.live
        view.hint = f"Code and Redis were not compared: {self.live_failure}" if self.live_failure else progress
        told, covered = progress or "not compared", ""
        if live is not None:
            count = len(live.differences)
            told = progress or (plural(count, "difference") if count else "no difference")
            covered = f"{live.covered}, {clock(self._live_at)}"
            view.hint = _agreement(live)
        view.border_title = Content(f"Code ↔ live: {told}")
        view.border_subtitle = Content(covered)
        view.show(live.differences if live is not None else ())
        self.query_one(IssueList).border_subtitle = Content(f"c  code ↔ live: {told}")

    def action_turn_drift(self) -> None:
        """Show the differences between code and Redis in place of the findings, or the findings again."""
        beside = self.query_one(DriftList if self.has_class("-live") else IssueList).has_focus
        live = not self.has_class("-live")
        self.set_class(live, "-live")
        if live or beside:
            self.query_one(DriftList if live else IssueList).focus()


def _agreement(live: LiveComparison) -> str:
    operations = f"{live.operations} operation{'' if live.operations == 1 else 's'}"
    kinds = f"{live.kinds} cache kind{'' if live.kinds == 1 else 's'}"
    if not live.operations and not live.kinds:
        return "There is nothing to compare: no router declares an operation or a cache kind, and Redis shows none."
    return f"Code and Redis agree: {operations} and {kinds} compared, {live.covered}."


def _load() -> Any:
    """Importing it takes a while the first time. Runs in a thread."""
    from optimus_tui.tools.patterns import drift as pattern_drift

    return pattern_drift
