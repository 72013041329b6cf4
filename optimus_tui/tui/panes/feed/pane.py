"""The coherence feed's pane: events as they come, gaps as they are. It draws batches and never asks for one.

It refuses to read payloads that nobody looks at, to drop an event without counting it, and to call silence health.
"""

from typing import Any, ClassVar

from optimus_tui.clock import Clock
from optimus_tui.contract.feed import FeedBatch, FeedEvent, FeedGap
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.feed.content import FeedContent, PaintLimit, TailView
from optimus_tui.tui.panes.feed.store import KEEP, EventFields, FeedStore


class FeedPane(Pane):
    """Invalidation events, the newest at the bottom.

    The view follows them until you move up; G or end follows again. Filter fields: tenant, type, channel, detail,
    origin:log, gap>2, problem:json. Times are when an event came here.
    """

    NAME = "feed"
    NUMBER = 4
    TITLE = "Coherence feed"
    FIELDS = EventFields.FIELDS
    BINDINGS: ClassVar[Any] = bindings("feed")

    content: FeedContent

    def __init__(self, clock: Clock, settings: Settings, keep: int = KEEP) -> None:
        self.store = FeedStore(keep)
        self.tail = TailView(self)
        super().__init__(clock, settings, FeedContent(self, self.store, self.tail))
        self.rows = []
        self.paints = PaintLimit(self, self._paint)
        self._painted_state = ""

    # -- events in, rows out

    def watch_reading(self) -> None:
        """Take a batch; draw it at once unless the feed was drawn a moment ago."""
        batch: FeedBatch | None = self.reading
        if batch is None:
            return
        if batch.items:
            self.content.sampled = self.store.add(batch.items) > 0
        self.paints.ask(urgent=batch.status.state != self._painted_state)

    def _paint(self) -> None:
        self._painted_state = self.reading.status.state
        super().watch_reading()
        self.arrived_mono = self.clock.mono()

    def refresh_rows(self) -> None:
        """Show the events that pass the filter; those not looked at yet are filtered in slices."""
        if self.filter is not self.store.filter:
            self.store.set_filter(self.filter)
        if not self.store.waiting:
            if self.is_on_screen:
                self.tail.place(self.content.rows_now())
        elif not any(w.group == "feed-view" and not w.is_finished for w in self.workers):
            work: Any = self._filter_waiting
            self.run_worker(work, group="feed-view", exclusive=True, exit_on_error=False)

    async def _filter_waiting(self) -> None:
        await self.store.filter_all()
        if self.is_on_screen:
            self.tail.place(self.content.rows_now())
            self.draw_frame()

    def _place_again(self) -> None:
        """Show the rows that there are, also those that came while the pane could not show them."""
        self.tail.place(self.rows if self.paused or self.store.waiting else self.content.rows_now())

    # -- following and pausing

    def move_to(self, index: int) -> None:
        """Put the cursor on a row. At the newest one the view follows, elsewhere it stands still."""
        with self.tail.placing():
            super().move_to(index)
        self.tail.after_move()
        self.draw_frame()

    def action_last(self) -> None:
        """Move to the newest event and follow."""
        if self.paused:
            super().action_last()
        else:
            self.tail.following = True
            self._place_again()
        self.draw_frame()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow if the newest event was scrolled into view."""
        super().watch_scroll_y(old_value, new_value)
        self.tail.after_scroll(old_value, new_value)
        self.draw_frame()

    def on_resize(self) -> None:
        """Place the rows for the new size."""
        if self.rows or self.store.items:
            self._place_again()

    def on_show(self) -> None:
        """Show what came while the pane was hidden."""
        if not self.paused:
            self.refresh_rows()

    def watch_paused(self) -> None:
        """Freeze the feed, or show what came meanwhile."""
        self.content.paused_seq = self.store.last_seq
        super().watch_paused()

    def action_wrap(self) -> None:
        """Show long events on several lines, or on one again."""
        self.wrapped = not self.wrapped
        self.tail.place(self.rows)
        self.draw_frame()

    def action_clear(self) -> None:
        """Empty the view; counters go on."""
        self.store.clear()
        self.tail.following, self.content.cleared_at = True, self.clock.wall()
        self.content.paused_seq = self.store.last_seq
        self.tail.place([])
        self.draw_frame()

    def action_open(self) -> None:
        """Show an event or a gap in full."""
        from optimus_tui.tui.dialogs.sheets import event_dialog, gap_dialog

        item = self.selected
        if isinstance(item, FeedGap):
            self.app.push_screen(gap_dialog(item))
        elif isinstance(item, FeedEvent):
            self.app.push_screen(event_dialog(item, self.store.parsed(item)))
