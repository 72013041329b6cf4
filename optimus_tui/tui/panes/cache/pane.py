"""The cache pane: kind → tenant → key as a tree, with live countdowns. Draws what the index holds, asks nobody.

It refuses to show a value unasked. ``TreeBuilder`` in ``content`` and ``rows`` make the rows; ``lines`` draws them.
"""

import re
from typing import Any, ClassVar

from optimus_tui.clock import Clock
from optimus_tui.contract.cache import GroupTotals, KeyDetail, KeyPreview
from optimus_tui.contract.reading import Reading
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import PreviewRequested
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.cache.content import CacheContent, InterestWatch, TreeBuilder
from optimus_tui.tui.panes.cache.lines import key_sheet, preview_sheet
from optimus_tui.tui.panes.cache.rows import FIELDS, KeyIndex, KeyRow, TreeRows, group_id


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
        self.tree_rows = TreeBuilder(self)
        super().__init__(clock, settings, CacheContent(self, self.tree_rows))
        self._interest = InterestWatch(self, self.content.keys_in_view)

    def attach_index(self, index: KeyIndex) -> None:
        """Look names and expiries up in this index."""
        self.tree_rows.attach_index(index)
        self.refresh_rows()

    def put_details(self, details: tuple[KeyDetail, ...]) -> None:
        """Show type, TTL and size of keys in view, as just read."""
        self.tree_rows.put_details(details)
        if not self.paused:
            self.refresh_changed()

    def show_prefix(self, text: str) -> None:
        """Show the keys whose name holds ``text``: what ``:keys cache:conv`` asks for."""
        words = text.split()
        plain = len(words) < 2 and text[:1] not in ("!", "/") and not any(sign in text for sign in "<>=")
        self.set_filter(text if plain else f"/{re.escape(text)}/")

    def show_preview(self, answer: Reading[KeyPreview] | KeyPreview | str) -> None:
        """Open the value that ``v`` asked for, or the reason why it cannot be shown."""
        self.app.push_screen(preview_sheet(answer, self.clock.wall()))

    def refresh_rows(self) -> None:
        """Have rows made for the filter and the newest data."""
        if self.filter is not self.tree_rows.view.filter:
            self.tree_rows.change_view(filter=self.filter, closed=frozenset())
        else:
            self.tree_rows.update()

    def place(self, rows: TreeRows) -> None:
        """Show rows that are ready; the row under the cursor keeps its line on the screen."""
        first = int(self.scroll_offset.y)
        line = self.cursor - first
        self.set_rows(rows)
        if self.cursor and 0 <= line < self.page_size and self.cursor - first != line:
            self.jump_to(self.cursor - line)
        self._interest.look_soon()
        self.content.bug = ""
        self.draw_frame()

    def tick(self) -> None:
        """Make a list that waited, draw countdowns, and tell which keys are in view."""
        self.tree_rows.tick()
        super().tick()
        self._interest.look()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other keys come into view."""
        super().watch_scroll_y(old_value, new_value)
        self._interest.look_soon()

    def on_show(self) -> None:
        """Keys come into view."""
        self._interest.look_soon()

    def on_hide(self) -> None:
        """No key is in view any more."""
        self._interest.look()

    def on_resize(self) -> None:
        """More or fewer keys come into view."""
        super().on_resize()
        self._interest.look_soon()

    def on_mount(self) -> None:
        """Make the rows that were asked for before."""
        self.refresh_rows()

    # -- actions

    def action_open(self) -> None:
        """Open or close a group; show what is known about a key."""
        row = self.selected
        if isinstance(row, GroupTotals):
            self.tree_rows.toggle(row, not self.tree_rows.view.is_open(group_id(row)))
        elif isinstance(row, KeyRow):
            self.app.push_screen(key_sheet(row, self.content.left(row), self.tree_rows.details.get(row.name)))

    def action_unfold(self) -> None:
        """Open the group, or step into it when it is open."""
        row = self.selected
        if isinstance(row, GroupTotals):
            if self.tree_rows.view.is_open(group_id(row)):
                self.move_to(self.cursor + 1)
            self.tree_rows.toggle(row, True)

    def action_fold(self) -> None:
        """Close the group, or go up to the one that holds the row."""
        row = self.selected
        if isinstance(row, GroupTotals) and self.tree_rows.view.is_open(group_id(row)):
            self.tree_rows.toggle(row, False)
        elif row is not None and (parent := self.content.rows.index_above(row)) is not None:
            self.move_to(parent)

    def action_sort(self) -> None:
        """Order keys by the next of name, time left and size."""
        self.tree_rows.sort_by_next()

    def action_reverse(self) -> None:
        """Order keys the other way round."""
        self.tree_rows.change_view(reverse=not self.tree_rows.view.reverse)

    def action_value(self) -> None:
        """Ask for the value of the key under the cursor."""
        if isinstance(row := self.selected, KeyRow):
            self.post_message(PreviewRequested(row.name))
