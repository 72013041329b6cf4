"""What the cache pane shows and says: the tree of kinds, tenants and keys, and how much of the keyspace was read."""

from typing import Any

from msgspec.structs import replace

from optimus_tui.contract.cache import CacheReport, GroupTotals
from optimus_tui.contract.finding_rules import CACHE_UNKNOWN_LAYOUT
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Reading
from optimus_tui.tui.panes.cache.builder import TreeBuilder
from optimus_tui.tui.panes.cache.lines import GroupLine, KeyLine, Left, head_pieces, table_for
from optimus_tui.tui.panes.cache.rows import GroupId, KeyRow, TreeRows, group_id
from optimus_tui.tui.panes.cache.words import empty_words, group_forms, key_forms, truth_forms
from optimus_tui.tui.panes.content import PaneContent, PaneView, Words
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.tui.widgets.inks import Piece
from optimus_tui.wording.numbers import UNKNOWN, plural, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import counted_down, fault_lines, truth_line


class CacheContent(PaneContent):
    """The rows of a tree, with live countdowns."""

    def __init__(self, pane: PaneView, tree: TreeBuilder) -> None:
        super().__init__(pane)
        self.tree = tree

    @property
    def rows(self) -> TreeRows:
        """Return the rows as they were made."""
        rows: Any = self.pane.rows
        if not isinstance(rows, TreeRows):
            return TreeRows()
        return rows

    @property
    def report(self) -> CacheReport | None:
        """Return what is shown: the totals of the last reading that had any."""
        reading: Reading[CacheReport] | None = self.pane.shown
        if reading is None:
            return None
        return reading.value

    @property
    def _is_partial(self) -> bool:
        return self.report is not None and not self.report.coverage.complete

    # -- lines

    def key_of(self, row: GroupTotals | KeyRow) -> GroupId | bytes:
        """Identify a key by its name, a group by kind and tenant."""
        if isinstance(row, KeyRow):
            return row.name
        return group_id(row)

    def index_of(self, key: object) -> int | None:
        """Return where a key or a group stands; None if it is gone."""
        return self.rows.index_of(key)

    def head(self, line: int, width: int) -> list[Piece]:
        """Return the titles, with an arrow at the column that orders the keys."""
        if not self.rows:
            return []
        view = self.tree.view
        return head_pieces(self.pane.text_width(width), bool(self.rows.matched), view.sort, view.reverse)

    def row(self, index: int, width: int) -> list[Piece]:
        """Return a group or a key."""
        rows, width = self.rows, self.pane.text_width(width)
        row, filtered = rows[index], bool(rows.matched)
        table = table_for(width, filtered)
        if isinstance(row, KeyRow):
            return table.row(KeyLine(row, self.left(row), self.tree.details.get(row.name)), width)
        matched = rows.matched.get(group_id(row))
        return table.row(GroupLine(row, rows.view.is_open(group_id(row)), matched, self._is_partial), width)

    def left(self, row: KeyRow) -> Left:
        """Return how long a key has left."""
        at = self.tree.index.expires_ms(row.group.kind, row.group.tenant or b"", row.name)
        return Left(at, self.tree.details.get(row.name), self.pane.moment())

    def keys_in_view(self) -> tuple[bytes, ...]:
        """Return the names of the key rows on the screen; none while the pane is hidden."""
        if not self.pane.is_on_screen:
            return ()
        rows = (self.rows[index] for index in self.pane.visible_range())
        return tuple(row.name for row in rows if isinstance(row, KeyRow))

    def empty_lines(self) -> list[str]:
        """Return why there is no key."""
        reading: Reading[Any] | None = self.pane.shown
        if reading is None:
            return [f"connecting to redis at {safe_text(self.pane.settings.redis.label)} …"]
        if reading.value is None:
            return fault_lines(reading.fault, "no data yet")
        if self.pane.filter:
            return [f"No key matches {safe_text(self.pane.filter.text, 80)}.", "esc takes the filter away."]
        if reading.value.keys:
            return ["sorting the keys …"]
        return empty_words(reading.value)

    # -- the frame

    def title_words(self) -> Words:
        """Return how many keys there are, and how many pass the filter."""
        report = self.report
        if report is None:
            return []
        total = "≥" * self._is_partial + plural(report.keys, "key")
        if any(finding.rule == CACHE_UNKNOWN_LAYOUT for finding in report.findings):
            total = f"{UNKNOWN} keys"  # none of a layout that we know is not none
        matched = self.rows.keys_matched
        if matched is not None:
            total = f"{thousands(matched)} of {total}"
        return [(total, "")]

    def truth(self) -> tuple[str, bool]:
        """Return when and how far the keyspace was swept, and what is wrong with Redis."""
        pane = self.pane
        reading: Reading[Any] | None = pane.shown
        if self.bug:
            return self.bug, True
        moment, where = pane.clock.mono(), safe_text(pane.settings.redis.label)
        if reading is None:
            return truth_line(None, moment, source="redis", target=where), False
        reading = replace(reading, retry_in=counted_down(reading.retry_in, moment - pane.arrived_mono))
        forms = truth_forms(reading, moment, where)
        patience = 4 * pane.settings.scan.names_every_seconds + 2 * (reading.took_ms or 0) / 1000
        late = moment - reading.taken_mono > patience and not pane.paused
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
            return key_forms(redis, row.name, self.tree.details.get(row.name))
        if isinstance(row, GroupTotals):
            return group_forms(redis, row)
        return []
