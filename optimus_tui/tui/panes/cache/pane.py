"""The cache pane: kind → tenant → key as a tree, with live countdowns. It draws the content of the index.

Rows are made in slices while the old ones stay on the screen; a value is read only on request.
"""

import re
from typing import Any, ClassVar

from msgspec.structs import replace as with_fields

from optimus_tui.clock import Clock
from optimus_tui.contract.finding_rules import CACHE_UNKNOWN_LAYOUT
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KeyDetail, KeyPreview
from optimus_tui.contract.reading import Reading
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import PreviewRequested
from optimus_tui.tui.panes.base import Pane, PaneContent, Words
from optimus_tui.tui.panes.cache.builder import TreeBuilder
from optimus_tui.tui.panes.cache.interest import InterestWatch
from optimus_tui.tui.panes.cache.lines import (
    CacheColumns,
    GroupLine,
    KeyLine,
    TimeLeft,
    empty_words,
    group_forms,
    head_pieces,
    key_forms,
    key_sheet,
    preview_sheet,
    truth_forms,
)
from optimus_tui.tui.panes.cache.rows import FIELDS, GroupId, KeyIndex, KeyRow, TreeRows, group_id
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import first_that_fits
from optimus_tui.wording.numbers import UNKNOWN, plural, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import counted_down, fault_lines, no_match_lines, truth_line


class CacheContent(PaneContent):
    """The rows of a tree, with live countdowns."""

    def __init__(self, pane: Pane, builder: TreeBuilder) -> None:
        super().__init__(pane)
        self.columns = CacheColumns()
        self.builder = builder

    @property
    def rows(self) -> TreeRows:
        """Return the rows that were made last."""
        rows: Any = self.pane.rows
        if not isinstance(rows, TreeRows):
            return TreeRows()
        return rows

    @property
    def report(self) -> CacheReport | None:
        """Return the shown totals: those of the last reading that had any."""
        reading: Reading[CacheReport] | None = self.pane.shown
        if reading is None:
            return None
        return reading.value

    @property
    def _is_partial(self) -> bool:
        return self.report is not None and not self.report.coverage.complete

    @property
    def _about(self) -> str:
        """Return the mark of totals that are not exact: at least so many, or an estimate from a sample."""
        if self._is_partial:
            return "≥"
        if self.report is not None and any(kind.totals.sampled for kind in self.report.kinds):
            return "≈"
        return ""

    # -- lines

    def key_of(self, row: GroupTotals | KeyRow) -> GroupId | bytes:
        """Identify a key by its name, a group by kind and tenant."""
        if isinstance(row, KeyRow):
            return row.name
        return group_id(row)

    def index_of(self, key: object) -> int | None:
        """Return the index of the row of a key or a group; None if it is gone."""
        return self.rows.index_of(key)

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the titles, with an arrow at the column that the keys are sorted by."""
        if not self.rows:
            return []
        options = self.builder.options
        table = self.columns.row_table(width, bool(self.rows.matched)).table
        return head_pieces(table, width, options.sort, options.reverse)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return the line of a group or a key."""
        rows = self.rows
        row, filtered = rows[index], bool(rows.matched)
        columns = self.columns.row_table(width, filtered)
        line: GroupLine | KeyLine
        if isinstance(row, KeyRow):
            line = KeyLine(row, self.time_left(row), self.builder.details.get(row.name))
        else:
            matched = rows.matched.get(group_id(row))
            line = GroupLine(row, rows.options.is_open(group_id(row)), matched, self._is_partial)
        columns.measure([line])
        return columns.table.row(line, width)

    def changing(self, index: int) -> object:
        """Return what changes in a row without new rows: a key's countdown, or whether a group is complete."""
        row, columns = self.rows[index], self.columns.tables
        if isinstance(row, KeyRow):
            left = self.time_left(row)
            return columns, left.words, left.style, left.name_style, self.builder.details.get(row.name)
        return columns, self._is_partial

    def time_left(self, row: KeyRow) -> TimeLeft:
        """Return how long a key has left."""
        at = self.builder.index.expires_ms(row.group.kind, row.group.tenant or b"", row.name)
        return TimeLeft(at, self.builder.details.get(row.name), self.pane.shown_mono())

    def keys_in_view(self) -> tuple[bytes, ...]:
        """Return the names of the key rows on the screen; none while the pane is hidden."""
        if not self.pane.is_on_screen:
            return ()
        rows = (self.rows[index] for index in self.pane.visible_range())
        return tuple(row.name for row in rows if isinstance(row, KeyRow))

    def empty_lines(self) -> list[str]:
        """Return the lines that say why there is no key."""
        reading: Reading[Any] | None = self.pane.shown
        if reading is None:
            return [f"connecting to redis at {safe_text(self.pane.settings.redis.label)} …"]
        if reading.value is None:
            return fault_lines(reading.fault, "no data yet")
        if self.pane.filter:
            return no_match_lines("≥" * self._is_partial + plural(reading.value.keys, "key"), self.pane.filter.text)
        if reading.value.keys:
            return ["sorting the keys …"]
        return empty_words(reading.value, self.pane.settings.profile)

    # -- the frame

    def title_words(self) -> Words:
        """Return how many keys there are, and how many pass the filter."""
        report = self.report
        if report is None or not report.unknown.reads_cache:
            return []
        total = self._about + plural(report.keys, "key")
        if any(finding.rule == CACHE_UNKNOWN_LAYOUT for finding in report.findings):
            total = f"{UNKNOWN} keys"  # none of a layout that we know is not none
        matched = self.rows.keys_matched
        if matched is not None:
            total = f"{thousands(matched)} of {total}"
        if work := self.builder.work:
            return [(work, ""), (total, "")]
        return [(total, "")]

    def reading_truth(self) -> tuple[str, bool]:
        """Return when and how far the keyspace was scanned, and what is wrong with Redis."""
        pane = self.pane
        reading: Reading[Any] | None = pane.shown
        mono, where = pane.clock.mono(), safe_text(pane.settings.redis.label)
        if reading is None:
            return truth_line(None, mono, source="redis", target=where), False
        reading = with_fields(reading, retry_in=counted_down(reading.retry_in, mono - pane.arrived_mono))
        forms = truth_forms(reading, mono, where)
        patience = 4 * pane.settings.scan.names_every_seconds + 2 * (reading.took_ms or 0) / 1000
        late = mono - reading.taken_mono > patience and not pane.paused
        return first_that_fits(forms, self.edge_room), reading.fault is not None or late

    def state(self) -> tuple[str, str]:
        """Return the mark of the worst finding."""
        reading: Reading[Any] | None = self.pane.shown
        if reading is not None and reading.fault is not None:
            return "○", "warn"
        worst = {finding.severity for finding in self.findings_here()}
        if "critical" in worst:
            return "✖", "crit"
        if worst & {"high", "medium"}:
            return "▲", "warn"
        return "", ""

    # -- what can be done with a row

    def findings_here(self) -> list[Finding]:
        """Return all findings about the cache."""
        if self.report is None:
            return []
        return list(self.report.findings)

    def names_shown(self) -> list[str]:
        """Return the kinds of cache keys."""
        return [] if self.report is None else [safe_text(kind.totals.kind, 200) for kind in self.report.kinds]

    def tenant_here(self) -> bytes | None:
        """Return the tenant of the key or the group under the cursor."""
        row = self.pane.selected
        if row is None:
            return None
        return (row.group if isinstance(row, KeyRow) else row).tenant or None

    def copy_name(self) -> str | None:
        """Return the key's name, or the group's line."""
        row = self.pane.selected
        if isinstance(row, KeyRow):
            return safe_text(row.name, 4_096)
        return super().copy_name()

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return shell lines that read the key, or list the group's names."""
        row, redis = self.pane.selected, self.pane.settings.redis
        if isinstance(row, KeyRow):
            return key_forms(redis, row.name, self.builder.details.get(row.name))
        if isinstance(row, GroupTotals) and self.pane.settings.system_is_ours:
            return group_forms(redis, row)
        return []


class CachePane(Pane):
    """Cached answers by kind, tenant and key.

    Bars: keys by time left, up to 10 s, 1 min, 5 min, 15 min, 1 h, 1 day and longer. ∞ never expires. Filter fields:
    kind, tenant, key, type, ttl<30, size>10k, expires:never.
    """

    NAME = "cache"
    NUMBER = 3
    TITLE = "Cache keys"
    FIELDS = FIELDS
    BINDINGS: ClassVar[Any] = bindings("cache")

    content: CacheContent

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self.builder = TreeBuilder(self, self.place)
        super().__init__(clock, settings, CacheContent(self, self.builder))
        self._interest = InterestWatch(self, self.content.keys_in_view)

    def attach_index(self, index: KeyIndex) -> None:
        """Use this index for names and expiry times."""
        self.builder.attach_index(index)
        self.refresh_rows()

    def put_details(self, details: tuple[KeyDetail, ...]) -> None:
        """Show the type, TTL and size just read of the keys in view."""
        self.builder.put_details(details)
        if not self.paused:
            self.refresh_changed()

    def show_prefix(self, text: str) -> None:
        """Show the keys whose name contains ``text``, as for ``:keys cache:conv``."""
        words = text.split()
        plain = len(words) < 2 and text[:1] not in ("!", "/") and not any(sign in text for sign in "<>=")
        self.set_filter(text if plain else f"/{re.escape(text)}/")

    def show_preview(self, answer: Reading[KeyPreview] | KeyPreview | str) -> None:
        """Open the value that ``v`` asked for, or the reason why it cannot be shown."""
        self.app.push_screen(preview_sheet(answer, self.clock.wall()))

    def refresh_rows(self) -> None:
        """Start making rows for the filter and the newest data."""
        if self.filter is not self.builder.options.filter:
            self.builder.change(filter=self.filter, closed=frozenset())
        else:
            self.builder.update()

    def place(self, rows: TreeRows) -> None:
        """Show finished rows; the row under the cursor keeps its line on the screen."""
        first = int(self.scroll_offset.y)
        line = self.cursor - first
        self.set_rows(rows)
        if self.cursor and 0 <= line < self.page_size and self.cursor - first != line:
            self.jump_to(self.cursor - line)
        self._interest.look_soon()
        self.content.bug = ""
        self.draw_frame()

    def tick(self, *, is_drawn: bool = False) -> None:
        """Make a list that is due, draw countdowns, and post which keys are in view."""
        self.builder.tick()
        super().tick()  # a report that was drawn just now has its rows made beside
        self._interest.look()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Read the details of the keys that were scrolled into view."""
        super().watch_scroll_y(old_value, new_value)
        self._interest.look_soon()

    def on_show(self) -> None:
        """Read the details of the keys in view."""
        self._interest.look_soon()

    def on_hide(self) -> None:
        """Stop reading details, because no key is in view."""
        self._interest.look()

    def on_resize(self) -> None:
        """Read the details of the keys in view at the new size."""
        super().on_resize()
        self._interest.look_soon()

    def on_mount(self) -> None:
        """Make the rows that were requested before mounting."""
        self.refresh_rows()

    # -- actions

    def action_open(self) -> None:
        """Open or close a group; show what is known about a key."""
        row = self.selected
        if isinstance(row, GroupTotals):
            self.builder.toggle(row, not self.builder.options.is_open(group_id(row)))
        elif isinstance(row, KeyRow):
            self.app.push_screen(key_sheet(row, self.content.time_left(row), self.builder.details.get(row.name)))

    def action_unfold(self) -> None:
        """Open the group, or step into it when it is open."""
        row = self.selected
        if isinstance(row, GroupTotals):
            if self.builder.options.is_open(group_id(row)):
                self.move_to(self.cursor + 1)
            self.builder.toggle(row, True)

    def action_fold(self) -> None:
        """Close the group, or go up to the row's group."""
        row = self.selected
        if isinstance(row, GroupTotals) and self.builder.options.is_open(group_id(row)):
            self.builder.toggle(row, False)
        elif row is not None and (parent := self.content.rows.index_above(row)) is not None:
            self.move_to(parent)

    def action_sort(self) -> None:
        """Sort keys by the next of name, time left and size."""
        self.builder.sort_by_next()

    def action_reverse(self) -> None:
        """Reverse the order of the keys."""
        self.builder.change(reverse=not self.builder.options.reverse)

    def action_value(self) -> None:
        """Ask for the value of the key under the cursor."""
        if isinstance(row := self.selected, KeyRow):
            self.post_message(PreviewRequested(row.name))
        else:
            self.app.notify("a group has no value: put the cursor on a key")
