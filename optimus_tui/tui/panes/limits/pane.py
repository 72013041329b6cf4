"""Rate limits: one row for each tenant and operation, the most urgent first. Draws verdicts; it makes none."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events

from optimus_tui.clock import Clock
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import TenantRequested
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.limits import rows as limit_rows
from optimus_tui.tui.panes.limits.content import FOLLOW_SECONDS, LimitsContent


class LimitsPane(Pane):
    """Counters against their limits. Counters that never reset stand on top, then those over and near their limit.

    Filter by tenant:, operation:, state:, and by count, limit, percent, share, ttl, slope: percent>80 ttl<30.
    """

    NAME = "limits"
    NUMBER = 2
    TITLE = "Rate limits"
    BINDINGS: ClassVar[Any] = bindings("limits")
    FIELDS = limit_rows.RowFields.NAMES

    content: LimitsContent
    foot_lines = 2

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings, LimitsContent(self))
        self._followed_to = 0
        """Where the view went from its top with the cursor's row; 0 while it did not."""

    def refresh_rows(self) -> None:
        """Filter and sort the counters."""
        self.foot_lines = self.content.foot_height()
        self.set_rows(self.content.ordered_rows())

    def show_tenant(self, text: str) -> None:
        """Show only tenants whose name holds ``text`` (each word of it)."""
        self.set_filter(" ".join(f"tenant:{word}" for word in text.split()))

    # -- the cursor and the view

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, and let the view follow it for a while."""
        self.content.moved_mono, self._followed_to = self.clock.mono(), 0
        super().move_to(index)

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows. A view that went with the cursor's row comes back to the top once it follows no more."""
        first = int(self.scroll_offset.y)
        super().set_rows(rows)
        now = int(self.scroll_offset.y)
        if first == 0 and now and self.content.view_follows():
            self._followed_to = now
        elif self._followed_to and first == self._followed_to:
            self._followed_to = now
            if not self.content.view_follows():
                self._followed_to = 0
                self.jump_to(0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Count the offenders above the view again."""
        super().watch_scroll_y(old_value, new_value)
        self.draw_frame()

    def action_first(self) -> None:
        """Move to the first place; the view stays there."""
        super().action_first()
        self.content.moved_mono = -FOLLOW_SECONDS

    # -- order and detail

    def action_sort(self) -> None:
        """Sort by the next column."""
        at = limit_rows.ORDERS.index(self.content.order)
        self._sort_by(limit_rows.ORDERS[(at + 1) % len(limit_rows.ORDERS)], False)

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort_by(self.content.order, not self.content.backwards)

    def _sort_by(self, order: limit_rows.Order, backwards: bool) -> None:
        self.content.order, self.content.backwards = order, backwards
        self.refresh_rows()
        self.action_first()
        self.draw_frame()

    def on_click(self, event: events.Click) -> None:
        """Sort by the column whose title was clicked; a second click reverses the order."""
        offset, content = event.get_content_offset(self), self.content
        if offset is None or offset.y != 0 or content.report is None:
            return
        column = limit_rows.sorting_column(offset.x, self.body_width)
        order = next((order for order in limit_rows.ORDERS if column and order.column == column), None)
        if order is not None:
            self._sort_by(order, order is content.order and not content.backwards)

    def action_open(self) -> None:
        """Show all of the tenant under the cursor."""
        if self.selected is not None:
            self.post_message(TenantRequested(self.selected.counter.tenant))

    def action_detail(self) -> None:
        """Open or close the detail of the counter under the cursor."""
        self.content.detailed = not self.content.detailed and self.selected is not None
        self.foot_lines = self.content.foot_height()
        self.set_rows(self.rows)
        self.move_to(self.cursor)
