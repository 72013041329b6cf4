"""Health: is it well, and if not, what is wrong. Draws the verdict and the measurements behind it; it makes none."""

from collections.abc import Hashable, Mapping

from optimus_tui.clock import Clock
from optimus_tui.settings.model import Settings
from optimus_tui.tui.messages import ToolRequested
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.health.content import HealthContent


class HealthPane(Pane):
    """Gateway, engine, Redis and Postgres with their latencies, the cache's hit rate, and all findings, worst first."""

    NAME = "health"
    NUMBER = 1
    TITLE = "Health"
    FIELDS = ("text", "rule", "subject", "severity")

    content: HealthContent

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings, HealthContent(self))
        self._built_for = 0

    def mark_muted(self, muted: Mapping[Hashable, float | None]) -> None:
        """Dim findings that are muted and say until when; they stay, and they count."""
        if muted != self.content.muted:
            self.content.muted = muted
            self.refresh_rows()

    def refresh_rows(self) -> None:
        """Make the lines for this width."""
        if self.shown is not None and self.body_width > 0:
            self._built_for = self.body_width
            self.set_rows(self.content.build(self.body_width))

    def on_mount(self) -> None:
        """Wrap again when a scroll bar comes or goes: that changes the width without a resize."""
        self.watch(self, "show_vertical_scrollbar", self._scroll_bar_changed, init=False)

    def on_resize(self) -> None:
        """Wrap for the new width."""
        super().on_resize()
        self._wrap()

    def _scroll_bar_changed(self) -> None:
        self.call_after_refresh(self._wrap)

    def _wrap(self) -> None:
        if self.body_width != self._built_for:
            self.refresh_rows()

    def tick(self) -> None:
        """Draw the seconds until a source is tried again, too."""
        if self.is_on_screen and not self.paused and any(look.retry_in for look in self.content.looks()):
            self.refresh_rows()
        super().tick()

    # -- the cursor moves over groups

    def move_to(self, index: int) -> None:
        """Put the cursor on the first line of the group at ``index``, all of it in view where that is possible."""
        if not self.rows:
            return
        index = max(0, min(len(self.rows) - 1, index))
        step = -1 if index < self.cursor else 1
        while self.rows[index].group is None and 0 <= index + step < len(self.rows):
            index += step
        places = [i for i, row in enumerate(self.rows) if row.group == self.rows[index].group]
        super().move_to(min(places[-1], places[0] + self.page_size - 1))
        super().move_to(places[0])

    def action_move(self, by: int) -> None:
        """Move to the group before or after this one."""
        at, group = self.cursor, self.content.group
        step = 1 if by > 0 else -1
        while 0 <= at < len(self.rows) and self.rows[at].group in (group, None):
            at += step
        if 0 <= at < len(self.rows):
            self.move_to(at)

    def action_open(self) -> None:
        """Open the tool that explains the finding under the cursor; elsewhere say what is behind the line, as ``e``."""
        if self.content.finding is not None:
            self.post_message(ToolRequested(self.content.finding))
        else:
            self.call_later(self.app.run_action, "screen.explain", self)
