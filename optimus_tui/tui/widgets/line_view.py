"""A scrolling list drawn line by line: a hundred thousand rows cost what the visible forty cost.

Subclasses keep ``rows`` and say how one row is drawn. The view owns the cursor, scrolling, the fixed lines above and
below the rows, and the inks (named text styles from ``styles/widgets.tcss``). It holds no data and asks nobody for any.
"""

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from optimus_tui.tui.widgets.figures import wrap

Piece = tuple[str, str]
"""Safe text and the name of its ink: bright, quiet, good, warn, crit, accent, head, here (the
title of a pane, which shows the focus where there are no colours), or "" for plain."""

INKS = ("bright", "quiet", "good", "warn", "crit", "accent", "head", "here")

MUTED = ("", "bright", "good", "head", "accent", "here")
"""Inks that are quiet while the view is muted."""


class LineView(ScrollView, can_focus=True):
    """Rows by line. ``head_lines`` stay on top, ``foot_lines`` at the bottom; the cursor stays on its row's key."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"ink--{ink}" for ink in INKS), "ink--cursor"}

    cursor = reactive(0)
    head_lines = 1
    foot_lines = 0
    cursor_visible = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows: Sequence[Any] = ()
        self._inks: dict[tuple[str, bool, bool], Style] = {}
        self._cursor_key: Hashable | None = None
        self.muted = False
        self._drawn: dict[int, tuple[list[Piece], bool]] = {}

    # -- for subclasses --------------------------------------------------------------------------------------------

    def head(self, line: int, width: int) -> list[Piece]:
        """The pieces of fixed header line ``line``."""
        return []

    def foot(self, line: int, width: int) -> list[Piece]:
        """The pieces of fixed footer line ``line``."""
        return []

    def is_marked(self, index: int) -> bool:
        """Whether the cursor's background lies under this row: a row of several lines marks them all."""
        return index == self.cursor

    def row(self, index: int, width: int) -> list[Piece]:
        """The pieces of one row."""
        raise NotImplementedError

    def key_of(self, row: Any) -> Hashable:
        """What identifies a row across refreshes."""
        return row  # type: ignore[no-any-return]

    def empty_lines(self) -> list[str]:
        """What to say, and what to do, when there is no row."""
        return []

    # -- rows and cursor -------------------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows; the cursor follows its key, or stays at its place when the key is gone."""
        followed = self.cursor in self.visible_range()
        self.rows = rows
        self._measure()
        if rows:
            at = min(self.cursor, len(rows) - 1)
            if self._cursor_key is not None and self.key_of(rows[at]) != self._cursor_key:
                found = self.index_of(self._cursor_key)
                at = at if found is None else found
            self.set_reactive(LineView.cursor, at)
            if self._cursor_key is None or self.key_of(rows[at]) != self._cursor_key:
                self._cursor_key = self.key_of(rows[at]) if self.cursor else None
            if followed and self.view_follows():
                self._show_cursor()
        self.refresh_changed()

    def view_follows(self) -> bool:
        """Whether the view goes where the cursor's row has gone when new rows come."""
        return True

    def _measure(self) -> None:
        self._set_height(len(self.rows) + self.head_lines + self.foot_lines)

    def _set_height(self, lines: int) -> None:
        """How far this view scrolls. Not through the reactive: it lays the whole screen out anew."""
        size = Size(self.size.width, lines)
        if size != self.virtual_size:
            self.set_reactive(LineView.virtual_size, size)
            if self.is_mounted:
                self._scroll_update(size)

    def index_of(self, key: Hashable) -> int | None:
        """Where the row with this key stands; lists that know a faster way than looking at each row override it."""
        return next((i for i, row in enumerate(self.rows) if self.key_of(row) == key), None)

    @property
    def selected(self) -> Any | None:
        """The row under the cursor, or None without rows."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    @property
    def page_size(self) -> int:
        """How many rows are in view."""
        return max(1, self.scrollable_content_region.height - self.head_lines - self.foot_lines)

    def visible_range(self) -> range:
        """Indexes of the rows in view."""
        first = min(int(self.scroll_offset.y), len(self.rows))
        return range(first, min(len(self.rows), first + self.page_size))

    def text_width(self, width: int) -> int:
        """``width`` less a blank before the scroll bar, where there is one: figures should not touch it."""
        return width - 1 if self.show_vertical_scrollbar and width <= self.scrollable_content_region.width else width

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view, without animation. One that was not moved off the first
        place yet stays there, whichever row comes to stand on it."""
        if not self.rows:
            return
        index = max(0, min(len(self.rows) - 1, index))
        if index or self.cursor or self._cursor_key is not None:
            self._cursor_key = self.key_of(self.rows[index])
        self.cursor = index
        self._show_cursor()

    def _show_cursor(self) -> None:
        first = int(self.scroll_offset.y)
        if self.cursor < first:
            self.scroll_to(y=self.cursor, animate=False, immediate=True, force=True)
        elif self.cursor >= first + self.page_size:
            self.scroll_to(y=self.cursor - self.page_size + 1, animate=False, immediate=True, force=True)

    def watch_cursor(self) -> None:
        self.refresh()

    def action_move(self, by: int) -> None:
        seen = self.visible_range()
        start = max(seen.start, min(seen.stop - 1, self.cursor)) if seen else self.cursor
        self.move_to(start + by if start == self.cursor else start)

    def action_page(self, by: int) -> None:
        self.move_to(self.cursor + by * self.page_size)

    def action_first(self) -> None:
        self.move_to(0)
        self._cursor_key = None  # on the first place, whichever row comes to stand there

    def action_last(self) -> None:
        self.move_to(len(self.rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor; nothing here."""

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y - self.head_lines + int(self.scroll_offset.y)
        if self.head_lines <= offset.y < self.head_lines + self.page_size and 0 <= index < len(self.rows):
            again = index == self.cursor
            self.move_to(index)
            self._cursor_key = self.key_of(self.rows[index])
            if again or event.chain > 1:
                self.action_open()

    def on_resize(self) -> None:
        self._measure()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def ink(self, name: str, selected: bool = False) -> Style:
        """The style of an ink on this view's background, or on the cursor's; dimmed while the view is muted."""
        slot = (name, selected, self.muted)
        style = self._inks.get(slot)
        if style is None:
            style = self.rich_style
            dimmed = self.muted and name in MUTED and not (name == "here" and self.app.no_color)
            wanted = "quiet" if dimmed else name
            if wanted:
                style += self.get_component_rich_style(f"ink--{wanted}", partial=True)
            if selected:
                style += self.get_component_rich_style("ink--cursor", partial=True)
            self._inks[slot] = style
        return style

    def notify_style_update(self) -> None:
        self._inks.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        pieces, marked = self._drawn[y] = self.line(y, width)
        return self._strip(pieces, width, marked) if pieces else Strip.blank(width, self.ink(""))

    def line(self, y: int, width: int) -> tuple[list[Piece], bool]:
        """What stands on line ``y`` of the view, and whether the cursor lies on it."""
        if y < self.head_lines:
            return self.head(y, width), False
        foot = y - (self.scrollable_content_region.height - self.foot_lines)
        if foot >= 0:
            return self.foot(foot, width), False
        return self.body_line(y - self.head_lines, width)

    def body_line(self, at: int, width: int) -> tuple[list[Piece], bool]:
        """What stands on line ``at`` between head and foot."""
        index = at + int(self.scroll_offset.y)
        if index < len(self.rows):
            return self.row(index, width), self.cursor_visible and self.has_focus and self.is_marked(index)
        if not self.rows:
            lines = [part for line in self.empty_lines() for part in wrap(line, width - 2)]
            if 1 <= at <= len(lines):
                return [(" " + lines[at - 1], "quiet")], False
        return [], False

    def refresh_changed(self) -> None:
        """Paint again the lines that would look different now. A second's tick changes a few; a paint costs the more
        the more lines it has."""
        width, height = self.scrollable_content_region.size
        for y in range(height):
            if self._drawn.get(y) != self.line(y, width):
                self.refresh(Region(0, y, width, 1))

    def _strip(self, pieces: list[Piece], width: int, selected: bool) -> Strip:
        segments = [Segment(text, self.ink(name, selected)) for text, name in pieces if text]
        return Strip(segments).adjust_cell_length(width, self.ink("", selected))

    def plain(self, index: int, width: int = 200) -> str:
        """One row as text, for copies and exports."""
        return "".join(text for text, _ in self.row(index, width)).rstrip()
