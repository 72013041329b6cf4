"""The lists of one tenant: its counters, its cache keys and its events.

They send nothing to Redis: they show what the sampling loops read and the events that the feed pane keeps. Tenants are
compared by the bytes of their names, never by how they look.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from textual.content import Content

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import (
    CacheReport,
    FeedBatch,
    FeedEvent,
    FeedItem,
    GroupTotals,
    LimitRow,
    LimitsReport,
)
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.signals import GoldenSignals, with_refusals
from optimus_tui.grammar.events import parse_event
from optimus_tui.index.cache import NEVER, UNKNOWN, CacheIndex
from optimus_tui.tui.dialogs.sheets import event_dialog
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.panes.limits.table import ENDED, GRACE_SECONDS, OF_ONE_TENANT, LimitNow
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Cell, Column, Table, as_many_as_fit, first_that_fits, fit_name, name_pieces
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.numbers import age, plural, size, ttl
from optimus_tui.wording.numbers import clock as clock_words
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import NO_FEED, coverage_words, fault_words, outage_forms

if TYPE_CHECKING:
    from optimus_tui.tui.base_screen import BaseScreen

MOST_KEYS, MOST_EVENTS = 2_000, 500
"""Rows that are listed; totals are exact."""
MOST_TYPES = 20
SLICE = 200
"""Events read between two turns of the event loop."""


class TenantList(LineView):
    """A framed list, with its title and the first wording of ``truth`` that fits on its edges."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    TITLE = ""
    PANE_KEY = ""
    """The key of the pane that has the same rows."""

    def __init__(self, tenant: bytes, clock: Clock, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant, self.clock = tenant, clock
        self.truth = ["reading …"]
        self.where = ""
        """The server's address, safe to show: the first to go where the truth line is too long."""
        self._frame_words: tuple[str, str] = ("", "")

    def draw_frame(self, name: str) -> None:
        """Draw title and truth line if they changed."""
        words = (f"{self.TITLE} of {name}", first_that_fits(self.truth, self.size.width - 2))
        if words != self._frame_words:
            self._frame_words = words
            self.border_title, self.border_subtitle = Content(words[0]), Content(words[1])
        self.refresh()

    def key_under_cursor(self) -> bytes | None:
        """Return the Redis key of the row under the cursor; None if there is none."""
        if self.selected is None:
            return None
        return cast(bytes, self.key_of(self.selected))

    def findings_here(self) -> tuple[Finding, ...]:
        """Return the findings that are about the row under the cursor."""
        return ()

    def acted_on(self) -> object:
        """Return the row under the cursor in the form of the dashboard's panes, for which actions are offered."""
        return self.selected

    def action_copy(self) -> None:
        """Ask the screen to copy the row's key."""
        self.call_later(self.app.run_action, "screen.copy", self)

    def empty_lines(self) -> list[str]:
        """Return the lines that are shown in an empty list."""
        return [self.empty]

    def hint(self, sentence: str) -> None:
        """Show a toast that says where a key would do something."""
        cast("BaseScreen", self.screen).say(sentence)

    def action_open(self) -> None:
        """Say where the row can be opened."""
        self.hint(f"there is no more about this row: a shows what can be done, {self.PANE_KEY} goes to its pane")

    def say_unread(self, reading: Reading[Any] | None, retry_in: float | None) -> None:
        """Show in the frame that nothing was read yet, why, and when it is tried again."""
        fault, self.empty = None, "connecting …"
        if reading is not None and reading.fault is not None:
            fault, self.empty = reading.fault, reading.fault.message
        self.truth = outage_forms("no data yet", fault, "redis", self.where, retry_in)

    def say_read(self, counted: list[str], past: float, reading: Reading[Any], retry_in: float | None) -> None:
        """Show in the frame what was read (``counted``, longest wording first), how old it is, and what is wrong."""
        whole = [f"{words} · read {age(past)} ago" for words in counted]
        if reading.fault is None:
            self.truth = whole
            return
        faults = " · ".join(fault_words(reading.fault, "redis", retry_in))
        forms = outage_forms(f"{age(past)} old", reading.fault, "redis", self.where, retry_in)
        self.truth = [*(f"{words} · {faults}" for words in whole), *forms]

    empty = "no row yet"


class CounterList(TenantList):
    """The tenant's counters, with the columns of the limits pane and countdowns."""

    TITLE = "Counters"
    PANE_KEY = "2"
    table = OF_ONE_TENANT

    def __init__(self, tenant: bytes, clock: Clock) -> None:
        super().__init__(tenant, clock, id="tenant-counters")
        self.report: LimitsReport | None = None

    def look(
        self, reading: Reading[LimitsReport] | None, retry_in: float | None, signals: GoldenSignals | None = None
    ) -> None:
        """Show the counters of the newest reading, with the refusals of the signals that the summary shows."""
        if reading is None or reading.value is None:
            self.say_unread(reading, retry_in)
            return
        report = self.report = with_refusals(reading.value, signals)
        rows = [row for row in report.rows if row.counter.tenant == self.tenant]
        listed = next((tenant.counters for tenant in report.tenants if tenant.tenant == self.tenant), len(rows))
        counted = plural(listed, "counter")
        forms = [f"{counted} · {coverage_words(report.coverage)}", counted]
        self.say_read(forms, self.clock.mono() - reading.taken_mono, reading, retry_in)
        self.muted = reading.fault is not None
        self.empty = "No counter now: one appears with the tenant's next request."
        if not report.coverage.complete:
            self.empty = f"No counter of this tenant so far: {coverage_words(report.coverage)}."
        self.set_rows(rows)

    def key_of(self, row: LimitRow) -> bytes:
        """Identify a counter by its key."""
        return row.counter.key

    def cells_of(self, index: int) -> LimitNow:
        """Return the cells of one counter as of now."""
        return LimitNow(self.rows[index], self.clock.mono(), self.report)


KeyLine = tuple[bytes, bytes, int]
"""Kind, name, and when it expired when it was listed, as the index tells it."""


class KeyNow(NamedTuple):
    """A key as it is drawn: its kind, the rest of its name, and the time it has left."""

    kind: bytes
    name: bytes
    expires: str
    style: str


def _kind_cell(key: KeyNow, cells: int) -> Cell:
    return [(fit_name(safe_text(key.kind, 60), cells), "quiet")]


KEY_TABLE = Table[KeyNow](
    Column("kind", "kind", 8, _kind_cell, grow=1, most=40, measured=True),
    Column("key", "key", 8, lambda key, cells: name_pieces(key.name, cells, ""), grow=4, most=400, measured=True),
    Column("expires", "expires", 9, lambda key, _: (key.expires, key.style), "right", measured=True),
)


def _type_cell(event: FeedEvent, cells: int) -> Cell:
    return [(fit_name(safe_text(parse_event(event.payload, event.length).type, 60), cells), "bright")]


def _what_cell(event: FeedEvent, cells: int) -> Cell:
    what = parse_event(event.payload, event.length).detail or event.channel
    return [(fit_name(safe_text(what, 200), cells), "")]


EVENT_TABLE = Table[FeedEvent](
    Column("received", "received", 8, lambda event, _: (clock_words(event.received_at), "quiet"), measured=True),
    Column("type", "type", 8, _type_cell, grow=1, most=40, measured=True),
    Column("what", "what", 8, _what_cell, grow=2, most=200, measured=True),
)


class KeyList(TenantList):
    """The tenant's cache keys from the index by kind: first those that never expire, then the soonest to expire."""

    TITLE = "Cache keys"
    PANE_KEY = "3"
    table = KEY_TABLE

    def __init__(self, tenant: bytes, clock: Clock) -> None:
        super().__init__(tenant, clock, id="tenant-keys")
        self._listed: tuple[int, float] = (-1, 0.0)
        self._index: CacheIndex | None = None
        self._groups: list[GroupTotals] = []

    def look(self, reading: Reading[CacheReport] | None, index: CacheIndex | None, retry_in: float | None) -> None:
        """List the keys again if the index changed."""
        if reading is None or reading.value is None or index is None:
            self.say_unread(reading, retry_in)
            return
        report = reading.value
        if self._listed != (report.version, reading.taken_mono):
            self._listed, self._index = (report.version, reading.taken_mono), index
            self._groups = [group for kind in report.kinds for group in kind.tenants if group.tenant == self.tenant]
            self.set_rows(self._lines(index))
        total = sum(group.keys for group in self._groups)
        never = sum(group.without_ttl for group in self._groups)
        used = [group.bytes_used for group in self._groups if group.bytes_used is not None]
        exact = len(used) == len(self._groups) and all(group.bytes_exact for group in self._groups)
        parts = [f"{plural(total, 'key')} in {plural(len(self._groups), 'kind')}"]
        if never:
            parts.append(f"{never:,} never expire")
        if used:
            parts.append(size(sum(used), estimate=not exact))
        if total > len(self.rows):
            parts.append(f"the first {len(self.rows):,} listed")
        forms = [" · ".join([*parts, coverage_words(report.coverage)]), " · ".join(parts), parts[0]]
        self.say_read(forms, self.clock.mono() - reading.taken_mono, reading, retry_in)
        self.muted = reading.fault is not None
        self.empty = "No cache key of this tenant."
        if not report.coverage.complete:
            self.empty = f"No cache key of this tenant so far: {coverage_words(report.coverage)}."

    def _lines(self, index: CacheIndex) -> list[KeyLine]:
        lines: list[KeyLine] = []
        for group in self._groups:
            names = islice(index.names(group.kind, self.tenant), MOST_KEYS - len(lines))
            lines += [(group.kind, name, index.expires_ms(group.kind, self.tenant, name)) for name in names]
        lines.sort(key=lambda line: (line[2] != NEVER, line[2] == UNKNOWN, line[2], line[1]))
        return lines

    def acted_on(self) -> object:
        """Return the tenant's keys of the same kind as the row under the cursor."""
        kind = None if self.selected is None else self.selected[0]
        return next((group for group in self._groups if group.kind == kind), None)

    def key_of(self, row: KeyLine) -> bytes:
        """Identify a key by its name."""
        return row[1]

    def cells_of(self, index: int) -> KeyNow:
        """Return the cells of one key with the time it has left now."""
        kind, name, at = self.rows[index]
        rest = name
        if self._index is not None:
            at = self._index.expires_ms(kind, self.tenant, name)  # refilled since it was listed
            rest = self._index.layout.parse(name, frozenset({self.tenant})).rest or name
        return KeyNow(kind, rest, *self._left(at))

    def _left(self, at: int) -> tuple[str, str]:
        """Return the time until ``at`` and its style."""
        if at == NEVER:
            return ttl(None, immortal=True), "crit"
        if at == UNKNOWN:
            return ttl(None, immortal=False), ""
        left = at / 1000 - self.clock.mono()
        if left < -GRACE_SECONDS:
            return ENDED, "quiet"
        return ttl(max(0.0, left), immortal=False), ""


class EventList(TenantList):
    """The tenant's events among those that the feed pane keeps, the newest first."""

    TITLE = "Events"
    table = EVENT_TABLE

    def __init__(self, tenant: bytes, clock: Clock) -> None:
        super().__init__(tenant, clock, id="tenant-events")
        self._seen = 0
        self._found: deque[FeedEvent] = deque(maxlen=MOST_EVENTS)
        self._count = 0
        self._fresh = False
        self.read_all = False
        """All events that the feed pane keeps were looked at once."""
        self._types: Tally[str] = Tally()
        self.foot_lines = 1

    def foot(self, line: int, width: int) -> list[Piece]:
        """Return how many events of each type there were, the most frequent first."""
        parts = [f"{safe_text(kind, 40)} {count:,}" for kind, count in self._types.most_common(MOST_TYPES)]
        if rest := len(self._types) - len(parts):
            parts.append(f"+{rest:,} types")
        return [(as_many_as_fit(parts, width, "   "), "quiet")]

    def unread(self, items: Iterable[FeedItem]) -> Iterator[list[FeedEvent]]:
        """Yield the new events in slices, the oldest first. They are a copy, because the feed changes meanwhile."""
        new = [item for item in items if item.seq > self._seen and isinstance(item, FeedEvent)]
        for at in range(0, len(new), SLICE):
            yield new[at : at + SLICE]

    def take(self, events: list[FeedEvent]) -> None:
        """Keep those of this tenant."""
        for event in events:
            meaning = parse_event(event.payload, event.length)
            if (
                not meaning.problem
                and meaning.tenant
                and meaning.tenant.encode("utf-8", "surrogatepass") == self.tenant
            ):
                self._found.appendleft(event)
                self._count, self._fresh = self._count + 1, True
                self._types[meaning.type] += 1
        self._seen = max(self._seen, events[-1].seq)

    def place(self) -> None:
        """Show the events that were found."""
        if self._fresh:
            self._fresh = False
            self.set_rows(list(self._found))

    def tell(self, batch: FeedBatch | None, retry_in: float | None) -> None:
        """Show the state of the feed, even while no event comes."""
        state, fault = "connecting", None
        if batch is not None:
            state, fault = batch.status.state, batch.status.fault
        if state == "none":
            self.truth, self.empty = [NO_FEED], f"{NO_FEED}."
            return
        counted = plural(self._count, "event")
        in_feed = f"{counted} in the feed"
        if self._count > len(self._found):
            in_feed += f", the last {len(self._found):,} listed"
        forms = outage_forms(f"feed {state}", fault, "redis", self.where, retry_in)
        self.truth = [f"{in_feed} · {forms[0]}", f"{counted} · {forms[0]}", *forms]
        self.empty = f"The feed is {state}."
        if not self.read_all:
            self.empty = "reading the events of the feed …"
        elif state == "live":
            self.empty = "No event of this tenant in the feed yet."

    def key_of(self, row: FeedEvent) -> int:
        """Identify an event by its number."""
        return row.seq

    def key_under_cursor(self) -> None:
        """Return None, because an event is not a key."""

    def action_open(self) -> None:
        """Show the event in full."""
        if self.selected is not None:
            event: FeedEvent = self.selected
            self.app.push_screen(event_dialog(event, parse_event(event.payload, event.length)))
