"""The coherence feed's pane: events as they come, and the gaps between them.

Payloads that are not shown are not parsed, every dropped event is counted, and silence is not reported as healthy.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, FeedGap, FeedItem, FeedStatus
from optimus_tui.dialects.feeds.messages import Subscription, subscription_of
from optimus_tui.dialects.layout import own_layout
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.panes.base import Pane, PaneContent, Words
from optimus_tui.tui.panes.feed.groups import AT_ONCE, TABLES, EventGroup, EventGroupLine, EventGroups
from optimus_tui.tui.panes.feed.lines import (
    MOST_LINES,
    TABLE,
    copies,
    empty_words,
    event_lines,
    gap_lines,
    gap_words,
    truth_forms,
)
from optimus_tui.tui.panes.feed.store import KEEP, EventFields, FeedStore, index_of_seq
from optimus_tui.tui.panes.feed.views import PaintLimit, TailView
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece
from optimus_tui.tui.widgets.cells import first_that_fits
from optimus_tui.tui.widgets.line_view import LineCanvas
from optimus_tui.tui.widgets.row_table import RowTable
from optimus_tui.wording.numbers import clock as clock_words
from optimus_tui.wording.numbers import plural, rate
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS, no_match_lines


class FeedContent(PaneContent):
    """The rows of the feed: events in the order of their arrival, or groups of them."""

    def __init__(self, pane: Pane, store: FeedStore, tail: TailView) -> None:
        super().__init__(pane)
        self.store, self.tail = store, tail
        self.sampled = False
        """The last batch jumped over events: they come faster than a screen can show."""
        self.paused_seq = 0
        """The last event before the pane was paused or cleared."""
        self.cleared_at: float | None = None
        self.told: frozenset[str] = frozenset()
        """Types of events that a finding on the dashboard is about: their rows are marked."""
        self.groups = EventGroups(store)
        self.columns = RowTable(TABLE)

    @cached_property
    def subscription(self) -> Subscription:
        """Return the channels and patterns that the profile names."""
        return subscription_of(self.pane.settings.dialect or own_layout().dialect)

    @property
    def status(self) -> FeedStatus | None:
        """Return the reader's counters, even while the pane is paused; None before the first batch."""
        batch: FeedBatch | None = self.pane.reading
        if batch is None:
            return None
        return batch.status

    def rows_now(self) -> list[FeedItem]:
        """Return the rows to show; while paused, none that came later, even if the filter changes."""
        rows = self.store.rows()
        if self.pane.paused:
            return rows[: index_of_seq(rows, self.paused_seq + 1)]
        return rows

    def now(self) -> float:
        """Return the wall-clock second that is drawn: now, or when the pane was paused."""
        return self.pane.clock.wall() - (self.pane.clock.mono() - self.pane.shown_mono())

    @property
    def until(self) -> int | None:
        """Return the number of the last shown event; None if all are shown."""
        if self.pane.paused:
            return self.paused_seq
        return None

    # -- lines

    def key_of(self, row: FeedItem | EventGroup) -> Hashable:
        """Identify an event by its number, a group by its name."""
        if isinstance(row, EventGroup):
            return row.name
        return row.seq

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the titles of the columns."""
        if not self.pane.rows:
            return []
        return (self.fitted or self.columns).table.head(width)

    def cells_of(self, index: int) -> EventGroupLine:
        """Return the cells of one group as of now."""
        return EventGroupLine(self.pane.rows[index], self.now(), self.groups.by)

    def draw_groups(self) -> None:
        """Use the columns of groups, or those of events."""
        self.table, self.fitted = TABLES.get(self.groups.by), None

    def row(self, index: int, width: int) -> list[Piece]:
        """Return an event or a gap on one line."""
        return self.lines(index, width, 1)[0]

    def changing(self, index: int) -> object:
        """Return what time changes in a row: the age of a group. An event or a gap changes only with the columns."""
        item = self.pane.rows[index]
        if isinstance(item, EventGroup):
            return super().changing(index)
        return item.seq, self.columns.table, self.subscription.common, self.told

    def row_lines(self, index: int, width: int) -> list[list[Piece]]:
        """Return an event or a gap on a few lines."""
        return self.lines(index, width, min(MOST_LINES, self.pane.page_size))

    def lines(self, index: int, width: int, most: int) -> list[list[Piece]]:
        """Return an event or a gap on at most so many lines; a group takes one."""
        item = self.pane.rows[index]
        if isinstance(item, EventGroup):
            self.fit_to((index,))
            groups: RowTable[Any] = self.fitted or self.columns
            return [groups.table.row(self.cells_of(index), width)]
        if isinstance(item, FeedGap):
            return gap_lines(item, width, most)
        return event_lines(
            self.columns, item, self.store.parsed(item), width, most, self.subscription.common, self.told
        )

    def empty_lines(self) -> list[str]:
        """Return the lines that say why there is no event."""
        pane = self.pane
        if pane.filter and self.store.items:
            return no_match_lines(plural(len(self.store.items), "event"), pane.filter.text)
        if self.groups.by and self.store.items:
            return ["counting the events …"]
        cleared = ""
        if self.cleared_at is not None:
            cleared = f"Cleared at {clock_words(self.cleared_at)}."
        where = safe_text(pane.settings.redis.label)
        return empty_words(self.status, where, pane.clock.mono(), cleared, self.subscription.text)

    # -- the frame

    def title_words(self) -> Words:
        """Return whether the view follows the newest event, how many events pass the filter, and events per second."""
        status, pane = self.status, self.pane
        if status is None:
            return []
        if self.groups.by:
            return self.groups.title_words(self.now(), len(pane.rows))
        words: Words = [("wrapped", "quiet")] * pane.wrapped
        if pane.filter:
            words.append((f"{len(pane.rows):,} of {len(self.store.items):,}", ""))
        if not pane.paused and not self.tail.following:
            words.append(("G: follow the newest", "accent"))
        if status.state != "live":
            return words  # there is nothing to follow while the link is down
        if not pane.paused and self.tail.following:
            words.append(("following", "quiet"))
        if self.sampled:
            words.append(("sampled", "warn"))
        return [*words, (rate(status.rate), "")]

    def paused_words(self) -> Words:
        """Return how many events came while paused, and how many of them were dropped from the view."""
        came = self.store.last_seq - self.paused_seq
        if not came:
            return super().paused_words()
        kept = len(self.store.items) - index_of_seq(list(self.store.items), self.paused_seq + 1)
        left: Words = [(f"{came - kept:,} left the view", "warn")] * (came > kept)
        return [(f"PAUSED +{came:,}", "warn"), *left]

    def reading_truth(self) -> tuple[str, bool]:
        """Return the state of the link, and how many events came."""
        status, pane = self.status, self.pane
        where = safe_text(pane.settings.redis.label)
        forms = truth_forms(status, self.store, pane.clock, pane.arrived_mono, where, bool(self.groups.by))
        well = status is None or status.state in ("connecting", "live", "none")
        return first_that_fits(forms, self.edge_room), not well

    def state(self) -> tuple[str, str]:
        """Return events per second with the mark of the worst finding, or that the link is down."""
        status = self.status
        if status is None or status.state == "connecting":
            return "○", "quiet"
        if status.state == "none":
            return "no feed", "quiet"
        if status.state != "live":
            return "✖", "crit"
        loud = [one for one in self.findings_here() if one.severity != "low"]
        if not loud:
            return rate(status.rate), ""
        mark = SEVERITY_MARKS[loud[0].severity]
        return f"{mark.glyph} {rate(status.rate)}", SEVERITY_TEXT_STYLES[mark.severity_style]

    # -- what can be done with a row

    def findings_here(self) -> list[Finding]:
        """Return the findings about the whole feed, the worst first. No finding is about a single event."""
        from optimus_tui.verdicts.coherence.events import judge

        found = judge(self.status, mono=self.pane.clock.mono(), thresholds=self.pane.settings.thresholds)
        return list(worst_first(found))

    def tenant_here(self) -> bytes | None:
        """Return the tenant that the event names, or that the group is about."""
        item = self.pane.selected
        if isinstance(item, EventGroup) and self.groups.by == "tenant":
            return item.name or None
        if not isinstance(item, FeedEvent) or self.store.parsed(item).problem:
            return None
        return self.store.parsed(item).tenant.encode("utf-8", "surrogatepass")

    def copy_name(self) -> str | None:
        """Return the gap's words, or the event's line."""
        item = self.pane.selected
        if isinstance(item, FeedGap):
            return gap_words(item)
        return super().copy_name()

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the payload, and shell lines that subscribe to the events."""
        return copies(self.pane.selected, self.pane.settings.redis, self.subscription)


class RowPlacer:
    """Shows the events of a feed pane, or their groups; new ones are filtered and counted in slices."""

    def __init__(self, pane: "FeedPane") -> None:
        self.pane = pane
        self._wraps = False
        """Events are wrapped once they are shown again instead of groups."""
        self._placed: tuple[int, int | None, Sequence[Any]] | None = None
        """The store's changes, the last event and the rows as of when events were placed last."""

    def refresh(self) -> None:
        """Process new events and show them, at once if they are few."""
        pane, groups, store = self.pane, self.pane.content.groups, self.pane.store
        if pane.filter is not store.filter:
            store.set_filter(pane.filter)
        backlog = groups.backlog(pane.content.until) if groups.by and not store.waiting else []
        if not store.waiting and len(backlog) <= AT_ONCE:
            groups.take(backlog)
            if pane.is_on_screen and not self._is_placed():
                self.place(pane.content.rows_now)
                self._placed = store.changes, pane.content.until, pane.rows
        elif not any(w.group == "feed-view" and not w.is_finished for w in pane.workers):
            work: Any = self._filter_waiting
            pane.run_worker(work, group="feed-view", exclusive=True, exit_on_error=False)

    def _is_placed(self) -> bool:
        """Return True if the pane shows exactly these events; its lines are drawn with what time alone changes."""
        pane, placed = self.pane, self._placed
        if pane.content.groups.by or placed is None or placed[2] is not pane.rows:
            return False
        if same := placed[:2] == (pane.store.changes, pane.content.until):
            pane.refresh_changed(by_time=True)
        return same

    async def _filter_waiting(self) -> None:
        pane, groups = self.pane, self.pane.content.groups
        await pane.store.filter_all()
        if groups.by:
            await groups.take_in_slices(groups.backlog(pane.content.until), self._place_now)
        pane.content.bug = ""
        self._place_now()

    def _place_now(self) -> None:
        if self.pane.is_on_screen:
            self.place(self.pane.content.rows_now)
            self.pane.draw_frame()

    def place(self, rows: Callable[[], Sequence[FeedItem]]) -> None:
        """Show these events, or the groups that were counted."""
        groups = self.pane.content.groups
        if groups.by:
            self.pane.set_rows(groups.rows(self.pane.content.now()))
        else:
            self.pane.tail.place(rows())

    def place_again(self) -> None:
        """Show the present rows, including those that came while the pane could not show them."""
        pane = self.pane
        stay = pane.paused or pane.store.waiting
        self.place(lambda: pane.rows if stay else pane.content.rows_now())

    def group_by(self, kind: str) -> None:
        """Group by a kind of name (type, tenant or channel); empty shows the events again."""
        pane, groups = self.pane, self.pane.content.groups
        was = groups.by
        groups.group_by(kind)
        pane.content.draw_groups()
        if not was:
            self._wraps, pane.wrapped = pane.wrapped, False
        pane.rows = []
        pane.row_key.key = None
        pane.set_reactive(LineCanvas.cursor, 0)
        if not groups.by:
            pane.wrapped, pane.tail.following = self._wraps, not pane.paused
        pane.jump_to(0)
        if not pane.store.items:
            pane.app.notify(f"grouped by {groups.by}: no event is here yet" if groups.by else "no event is here yet")
        self.refresh()
        pane.refresh()
        pane.draw_frame()

    def open(self, group: EventGroup) -> None:
        """Show the events of a group, by adding a filter to the present one."""
        pane = self.pane
        text = pane.content.groups.filter_text(group)
        if text is None:
            pane.app.notify("These events have no name of their own to filter by.")
            return
        self.group_by("")
        wrong = pane.set_filter(f"{pane.filter.text} {text}".strip())
        if wrong is not None:
            pane.app.notify(wrong, severity="warning")


class FeedPane(Pane):
    """Invalidation events, the newest at the bottom.

    The view follows them until you move up; G or end follows again. g groups them by type, tenant or channel; enter on
    a group shows its events. Filter fields: tenant, type, channel, detail, origin:log, gap>2, problem:json; type:=name
    is exactly that name. Times are when an event came here; events a second are those of the last 5 seconds.
    """

    NAME = "feed"
    NUMBER = 4
    TITLE = "Coherence feed"
    FIELDS = EventFields.NAMES
    BINDINGS: ClassVar[Any] = bindings("feed")

    content: FeedContent

    def __init__(self, clock: Clock, settings: Settings, keep: int = KEEP) -> None:
        self.store = FeedStore(keep)
        self.tail = TailView(self)
        super().__init__(clock, settings, FeedContent(self, self.store, self.tail))
        self.rows = []
        self.placer = RowPlacer(self)
        self.paints = PaintLimit(self, self._paint)
        self._painted_state = ""

    # -- events in, rows out

    def watch_reading(self) -> None:
        """Process a batch; draw it at once unless the feed was drawn a moment ago."""
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
        """Show the events that pass the filter, or their groups."""
        self.placer.refresh()

    def action_group(self) -> None:
        """Group the events by type, then by tenant, then by channel, then show the events again."""
        self.placer.group_by(self.content.groups.next_by)

    # -- following and pausing

    def move_to(self, index: int) -> None:
        """Put the cursor on a row. On the newest row the view follows new events, elsewhere it does not move."""
        if self.content.groups.by:
            super().move_to(index)
            return
        with self.tail.placing():
            super().move_to(index)
        self.tail.after_move()
        self.draw_frame()

    def action_last(self) -> None:
        """Move to the newest event and follow."""
        if self.paused or self.content.groups.by:
            super().action_last()
        else:
            self.tail.following = True
            self.placer.place_again()
        self.draw_frame()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow if the newest event was scrolled into view."""
        super().watch_scroll_y(old_value, new_value)
        if not self.content.groups.by:
            self.tail.after_scroll(old_value, new_value)
        self.draw_frame()

    def on_resize(self) -> None:
        """Place the rows for the new size."""
        if self.rows or self.store.items:
            self.placer.place_again()

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
        if self.content.groups.by:
            self.app.notify("Each group takes one line: g shows the events, which w wraps.")
            return
        self.wrapped = not self.wrapped
        self.app.notify("long events take several lines" if self.wrapped else "each event takes one line")
        self.tail.place(self.rows)
        self.draw_frame()

    def action_clear(self) -> None:
        """Empty the view; the counters continue."""
        self.store.clear()
        self.content.groups.forget()
        self.tail.following, self.content.cleared_at = True, self.clock.wall()
        self.content.paused_seq = self.store.last_seq
        self.placer.place(list)
        self.draw_frame()

    def action_open(self) -> None:
        """Show an event or a gap in full."""
        from optimus_tui.tui.dialogs.sheets import event_dialog, gap_dialog

        item = self.selected
        if isinstance(item, EventGroup):
            self.placer.open(item)
        elif isinstance(item, FeedGap):
            self.app.push_screen(gap_dialog(item))
        elif isinstance(item, FeedEvent):
            self.app.push_screen(event_dialog(item, self.store.parsed(item)))
