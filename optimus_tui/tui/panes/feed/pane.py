"""The coherence feed's pane: events as they come, gaps as they are. It draws batches and never asks for one.

It refuses to read payloads that nobody looks at, to drop an event without counting it, and to call silence health.
"""

from typing import Any, ClassVar

from textual import on
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from optimus_tui.clock import Clock
from optimus_tui.contract.feed import FeedBatch, FeedEvent, FeedGap, FeedItem, FeedStatus
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.panes.base import Pane, Words
from optimus_tui.tui.panes.feed.lines import MOST_LINES, event_lines, gap_lines, gap_words, head_pieces
from optimus_tui.tui.panes.feed.store import KEEP, EventFields, FeedStore, index_of_seq
from optimus_tui.tui.panes.feed.words import copies, empty_words, truth_forms
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.wrapping import WrappingView
from optimus_tui.wording.age import clock as clock_words
from optimus_tui.wording.numbers import rate
from optimus_tui.wording.safe import safe_text

PAINT_SECONDS = 0.25
"""The least time between two paints of the feed. A change of the link's state does not wait for it."""


class FeedPane(Pane, WrappingView):
    """Invalidation events, the newest at the bottom. The view follows them until you move up; G or end follows again.
    Filter fields: tenant, type, channel, detail, origin:log, gap>2, problem:json. Times are when an event came here."""

    NAME = "feed"
    NUMBER = 4
    TITLE = "Coherence feed"
    FIELDS = EventFields.FIELDS
    BINDINGS: ClassVar[Any] = bindings("feed")

    def __init__(self, clock: Clock, settings: Settings, keep: int = KEEP) -> None:
        super().__init__(clock, settings)
        self.store = FeedStore(keep)
        self.rows: list[FeedItem] = []
        self.following = True
        self.sampled = False
        """The last batch jumped over events: they come faster than a screen can show."""
        self.bug = ""
        self.paint_seconds = PAINT_SECONDS
        self._resting: Timer | None = None
        self._behind = False
        self._painted_state = ""
        self._placing = False
        self._paused_seq = 0
        self._cleared_at: float | None = None

    # -- events in, rows out ---------------------------------------------------------------------------------------

    def watch_reading(self) -> None:
        batch: FeedBatch | None = self.reading
        if batch is None:
            return
        if batch.items:
            self.sampled = self.store.add(batch.items) > 0
        if self._resting is None or batch.status.state != self._painted_state:
            self._paint()
        else:
            self._behind = True

    def _paint(self) -> None:
        """Show what came; then rest a moment: events keep being collected, and a paint costs more than they do."""
        self._behind, self._painted_state = False, self.reading.status.state
        super().watch_reading()
        self.arrived_mono = self.clock.mono()
        if self._resting is None and self.paint_seconds and self.is_mounted:
            self._resting = self.set_timer(self.paint_seconds, self._rested)

    def _rested(self) -> None:
        self._resting = None
        if self._behind:
            self._paint()

    def refresh_rows(self) -> None:
        if self.filter is not self.store.filter:
            self.store.set_filter(self.filter)
        if self.store.waiting:
            if not any(w.group == "feed-view" and not w.is_finished for w in self.workers):
                work: Any = self._filter_waiting
                self.run_worker(work, group="feed-view", exclusive=True, exit_on_error=False)
        elif self.is_on_screen:
            self._place(self._rows_now())

    def _rows_now(self) -> list[FeedItem]:
        """What there is to show; while paused nothing that came later, whatever the filter."""
        rows = self.store.rows()
        return rows[: index_of_seq(rows, self._paused_seq + 1)] if self.paused else rows

    async def _filter_waiting(self) -> None:
        await self.store.filter_all()
        if self.is_on_screen:
            self._place(self._rows_now())
            self.draw_frame()

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.bug = f"a bug stopped the filter: {safe_text(event.worker.error, 120)}"
            self.log.error(self.bug)
            self.draw_frame()

    def _place(self, rows: list[FeedItem]) -> None:
        """Show the rows: the newest while following, else exactly those that were in view. Without any width (hidden
        behind a dialog or by the layout) nothing is in view: the next size places them."""
        if self.scrollable_content_region.width <= 0:
            self.rows = self.rows if rows else []
            return
        first = int(self.scroll_offset.y)
        anchor = self.rows[first].seq if first < len(self.rows) else 0
        under = self.rows[self.cursor].seq if self.cursor < len(self.rows) else 0
        self._placing = True
        self.rows = rows
        self._measure()
        last = max(0, len(rows) - 1)
        if self.following:
            self.set_reactive(FeedPane.cursor, last)
            top = self.first_to_show(last)
        else:
            self.set_reactive(FeedPane.cursor, min(last, index_of_seq(rows, under)))
            top = index_of_seq(rows, anchor)
        self._cursor_key = rows[self.cursor].seq if rows else None
        self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self._placing = False
        self._laid_for = ()
        if top == first:
            self.refresh_changed()

    def key_of(self, row: FeedItem) -> int:
        return row.seq

    # -- following and pausing -------------------------------------------------------------------------------------

    def _moved(self) -> None:
        """The operator moved: at the newest row the view follows, elsewhere it stands still."""
        following = not self.rows or self.cursor >= len(self.rows) - 1
        if following != self.following:
            self.following = following
            self.draw_frame()

    def move_to(self, index: int) -> None:
        self._placing = True
        super().move_to(index)
        self._placing = False
        self._moved()

    def action_last(self) -> None:
        self.following = True
        if self.paused:
            super().action_last()
        else:
            self._place(self.rows if self.store.waiting else self._rows_now())
        self.draw_frame()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._placing or not self.rows or round(old_value) == round(new_value):
            return
        seen = self.visible_range()
        self.following = bool(seen) and seen.stop >= len(self.rows)
        self.draw_frame()

    def on_resize(self) -> None:
        if self.rows or self.store.items:
            self._place(self.rows if self.paused or self.store.waiting else self._rows_now())

    def on_show(self) -> None:
        if not self.paused:
            self.refresh_rows()

    def watch_paused(self) -> None:
        self._paused_seq = self.store.last_seq
        super().watch_paused()

    def action_wrap(self) -> None:
        self.wrapped = not self.wrapped
        self._laid_for = ()
        self._place(self.rows)
        self.draw_frame()

    def action_clear(self) -> None:
        self.store.clear()
        self.following, self._cleared_at = True, self.clock.wall()
        self._paused_seq = self.store.last_seq
        self._place([])
        self.draw_frame()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def head(self, line: int, width: int) -> list[Piece]:
        return head_pieces(self.text_width(width)) if self.rows else []

    def row(self, index: int, width: int) -> list[Piece]:
        return self._lines(index, self.text_width(width), 1)[0]

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        return self._lines(index, self.text_width(width), min(MOST_LINES, self.page_size))

    def _lines(self, index: int, width: int, most: int) -> list[list[Piece]]:
        item = self.rows[index]
        if isinstance(item, FeedGap):
            return gap_lines(item, width, most)
        return event_lines(item, self.store.parsed(item), width, most)

    def empty_lines(self) -> list[str]:
        if self.filter and self.store.items:
            return [f"No event matches {safe_text(self.filter.text, 80)}.", "esc takes the filter away."]
        cleared = f"Cleared at {clock_words(self._cleared_at)}." if self._cleared_at is not None else ""
        return empty_words(self.status, safe_text(self.settings.redis.label), self.clock.mono(), cleared)

    # -- the frame -------------------------------------------------------------------------------------------------

    @property
    def status(self) -> FeedStatus | None:
        """The reader's counters, also while the rows are frozen."""
        return self.reading.status if self.reading is not None else None

    def title_words(self) -> Words:
        status = self.status
        if status is None:
            return []
        words: Words = []
        if self.wrapped:
            words.append(("wrapped", "quiet"))
        if self.filter:
            words.append((f"{len(self.rows):,} of {len(self.store.items):,}", ""))
        if not self.paused:
            words.append(("following", "quiet") if self.following else ("G follows", "accent"))
        if self.sampled and status.state == "live":
            words.append(("sampled", "warn"))
        return [*words, (rate(status.rate), "")] if status.state == "live" else words

    def paused_words(self) -> Words:
        came = self.store.last_seq - self._paused_seq
        kept = len(self.store.items) - index_of_seq(list(self.store.items), self._paused_seq + 1) if came else 0
        words: Words = [(f"PAUSED +{came:,}" if came else "PAUSED", "warn")]
        if came > kept:
            words.append((f"{came - kept:,} left the view", "warn"))
        return words

    def truth(self) -> tuple[str, bool]:
        status = self.status
        if self.bug:
            return self.bug, True
        where = safe_text(self.settings.redis.label)
        forms = truth_forms(status, self.store, self.clock, self.arrived_mono, where)
        return first_that_fits(forms, self.edge_room), status is not None and status.state not in ("connecting", "live")

    def state(self) -> tuple[str, str]:
        status = self.status
        if status is None or status.state == "connecting":
            return "○", "quiet"
        return (rate(status.rate), "") if status.state == "live" else ("✖", "crit")

    # -- what can be done with a row -------------------------------------------------------------------------------

    def action_open(self) -> None:
        from optimus_tui.tui.dialogs.event import event_dialog, gap_dialog

        item = self.selected
        if isinstance(item, FeedGap):
            self.app.push_screen(gap_dialog(item))
        elif isinstance(item, FeedEvent):
            self.app.push_screen(event_dialog(item, self.store.parsed(item)))

    def copy_name(self) -> str | None:
        item = self.selected
        return gap_words(item) if isinstance(item, FeedGap) else super().copy_name()

    def copy_forms(self) -> list[tuple[str, str]]:
        return copies(self.selected, self.settings.redis)
