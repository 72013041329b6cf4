"""The cache pane: kind → tenant → key as a tree, with live countdowns. Draws what the index holds, asks nobody.

It refuses to show a value unasked. How rows come to be is in ``cache_tree``; how they look in ``cache_lines``.
"""

import re
from typing import Any, ClassVar

from msgspec.structs import replace

from optimus_tui.contract.cache import GroupTotals, KeyPreview
from optimus_tui.contract.finding_rules import CACHE_UNKNOWN_LAYOUT
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Reading
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import PreviewRequested
from optimus_tui.tui.panes.base import Words
from optimus_tui.tui.panes.cache.fields import FIELDS
from optimus_tui.tui.panes.cache.lines import Left, fact_lines, group_pieces, head_pieces, key_pieces
from optimus_tui.tui.panes.cache.rows import (
    GroupId,
    KeyRow,
    group_id,
)
from optimus_tui.tui.panes.cache.tree import CacheTree
from optimus_tui.tui.panes.cache.words import empty_words, group_forms, key_forms, preview_facts, truth_forms
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.wording.numbers import UNKNOWN, plural, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import counted_down, fault_lines, truth_line

SORTS = ("key", "ttl", "size")


class CachePane(CacheTree):
    """Cached answers by kind, tenant and key. Bars: keys by time left, up to 10 s, 1 min, 5 min, 15 min, 1 h, 1 day
    and longer. ∞ never expires. Filter fields: kind, tenant, key, type, ttl<30, size>10k, expires:never."""

    NAME = "cache"
    NUMBER = 3
    TITLE = "Cache keys"
    FIELDS = FIELDS
    BINDINGS: ClassVar[Any] = bindings("cache")

    # -- what was asked for -----------------------------------------------------------------------------------------

    def show_prefix(self, text: str) -> None:
        """Show the keys whose name holds ``text``: what ``:keys cache:conv`` asks for."""
        words = text.split()
        plain = len(words) < 2 and text[:1] not in ("!", "/") and not any(sign in text for sign in "<>=")
        self.set_filter(text if plain else f"/{re.escape(text)}/")

    def show_preview(self, answer: Reading[KeyPreview] | KeyPreview | str) -> None:
        """Open the value that ``v`` asked for, or the reason why it cannot be shown."""
        facts, title = preview_facts(answer, self.clock.wall())
        self._show_sheet(title, facts)

    def _show_sheet(self, title: str, facts: list[tuple[str, str, str]], *keys: str) -> None:
        from optimus_tui.tui.dialogs.sheet import SheetDialog

        self.app.push_screen(SheetDialog(title, facts, *keys))

    # -- drawing ---------------------------------------------------------------------------------------------------

    @property
    def _partial(self) -> bool:
        report = self.report
        return report is not None and not report.coverage.complete

    def head(self, line: int, width: int) -> list[Piece]:
        if not self.rows:
            return []
        return head_pieces(self.text_width(width), bool(self.rows.matched), self.view.sort, self.view.reverse)

    def row(self, index: int, width: int) -> list[Piece]:
        row, width = self.rows[index], self.text_width(width)
        filtered = bool(self.rows.matched)
        if isinstance(row, KeyRow):
            return key_pieces(row, width, self._left(row), self.details.get(row.name), filtered)
        matched = self.rows.matched.get(group_id(row)) if filtered else None
        opened = self.rows.view.is_open(group_id(row))
        return group_pieces(row, width, opened=opened, matched=matched, partial=self._partial)

    def _left(self, row: KeyRow) -> Left:
        at = self.index.expires_ms(row.group.kind, row.group.tenant or b"", row.name)
        return Left(at, self.details.get(row.name), self.moment())

    def empty_lines(self) -> list[str]:
        reading: Reading[Any] | None = self.shown
        if reading is None:
            return [f"connecting to redis at {safe_text(self.settings.redis.label)} …"]
        if reading.value is None:
            return fault_lines(reading.fault, "no data yet")
        if self.filter:
            return [f"No key matches {safe_text(self.filter.text, 80)}.", "esc takes the filter away."]
        if reading.value.keys:
            return ["sorting the keys …"]
        return empty_words(reading.value)

    # -- the frame -------------------------------------------------------------------------------------------------

    def title_words(self) -> Words:
        report = self.report
        if report is None:
            return []
        least = "≥" if self._partial else ""
        total = f"{least}{plural(report.keys, 'key')}"
        if any(finding.rule == CACHE_UNKNOWN_LAYOUT for finding in report.findings):
            total = f"{UNKNOWN} keys"  # none of a layout that we know is not none
        matched = self.rows.keys_matched
        return [(total if matched is None else f"{thousands(matched)} of {total}", "")]

    def truth(self) -> tuple[str, bool]:
        reading: Reading[Any] | None = self.shown
        if self._bug:
            return self._bug, True
        moment, where = self.clock.mono(), safe_text(self.settings.redis.label)
        if reading is None:
            return truth_line(None, moment, source="redis", target=where), False
        reading = replace(reading, retry_in=counted_down(reading.retry_in, moment - self.arrived_mono))
        forms = truth_forms(reading, moment, where)
        patience = 4 * self.settings.scan.names_every_seconds + 2 * (reading.took_ms or 0) / 1000
        late = moment - reading.taken_mono > patience and not self.paused
        return first_that_fits(forms, self.edge_room), reading.fault is not None or late

    def state(self) -> tuple[str, str]:
        reading: Reading[Any] | None = self.shown
        if reading is not None and reading.fault is not None:
            return "○", "warn"
        report = self.report
        worst = {finding.severity for finding in report.findings} if report else set()
        if "critical" in worst:
            return "✖", "crit"
        return ("▲", "warn") if worst & {"high", "medium"} else ("", "")

    def findings_here(self) -> list[Finding]:
        return list(self.report.findings) if self.report else []

    # -- actions ---------------------------------------------------------------------------------------------------

    def _toggle(self, group: GroupTotals, opened: bool) -> None:
        if self.view.is_open(group_id(group)) == opened:
            return
        which = "closed" if self.view.filter else "opened"
        now: frozenset[GroupId] = getattr(self.view, which)
        add = opened != bool(self.view.filter)
        self.change_view(**{which: now | {group_id(group)} if add else now - {group_id(group)}})

    def action_open(self) -> None:
        row = self.selected
        if isinstance(row, GroupTotals):
            self._toggle(row, not self.view.is_open(group_id(row)))
        elif isinstance(row, KeyRow):
            facts = fact_lines(row, self._left(row), self.details.get(row.name))
            keys = "esc closes   v in the pane shows the value"
            self._show_sheet("Cache key", [(name, value, "") for name, value in facts], keys)

    def action_unfold(self) -> None:
        """Open the group, or step into it when it is open."""
        row = self.selected
        if isinstance(row, GroupTotals):
            if self.view.is_open(group_id(row)):
                self.move_to(self.cursor + 1)
            self._toggle(row, True)

    def action_fold(self) -> None:
        """Close the group, or go up to the one that holds the row."""
        row = self.selected
        if isinstance(row, GroupTotals) and self.view.is_open(group_id(row)):
            self._toggle(row, False)
        elif row is not None and (parent := self._row_above(row)) is not None:
            self.move_to(parent)

    def _row_above(self, row: GroupTotals | KeyRow) -> int | None:
        if isinstance(row, KeyRow):
            return self.rows.index_of(group_id(row.group))
        return self.rows.index_of((row.kind, None)) if row.tenant is not None else None

    def action_sort(self) -> None:
        self.change_view(sort=SORTS[(SORTS.index(self.view.sort) + 1) % len(SORTS)], reverse=False)

    def action_reverse(self) -> None:
        self.change_view(reverse=not self.view.reverse)

    def action_value(self) -> None:
        if isinstance(row := self.selected, KeyRow):
            self.post_message(PreviewRequested(row.name))

    def copy_name(self) -> str | None:
        row = self.selected
        return safe_text(row.name, 4_096) if isinstance(row, KeyRow) else super().copy_name()

    def copy_forms(self) -> list[tuple[str, str]]:
        row = self.selected
        if isinstance(row, KeyRow):
            return key_forms(self.settings.redis, row.name, self.details.get(row.name))
        return group_forms(self.settings.redis, row) if isinstance(row, GroupTotals) else []
