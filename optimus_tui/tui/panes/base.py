"""What the four panes have in common: a frame that says what it holds, how fresh it is and how complete.

A pane receives readings, never asks for them. It owns its rows and its actions; the screen only routes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.style import Style as TextStyle

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.grammar.filter import EVERYTHING, Filter, FilterError, parse_filter
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.messages import CopyRequested, ExportRequested, RefreshRequested, StateChanged
from optimus_tui.tui.widgets.line_view import LineView

Words = list[tuple[str, str]]
"""Safe text with the ink it is written in."""


class Pane(LineView):
    """One framed list. Subclasses set NAME, NUMBER, TITLE and fill in ``refresh_rows`` and the words of the frame."""

    NAME: ClassVar[str]
    NUMBER: ClassVar[int]
    TITLE: ClassVar[str]
    FIELDS: ClassVar[tuple[str, ...]] = ()
    """The names that a filter may use here; ``text`` is what a bare word is looked for in."""
    BINDINGS = bindings("pane")

    _framing = False

    reading: reactive[Any] = reactive(None, always_update=True, repaint=False)
    paused = reactive(False)

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(id=self.NAME)
        self.clock, self.settings = clock, settings
        self.filter: Filter = EVERYTHING
        self.filter_error: str | None = None
        self.shown: Any = None
        """The reading that the rows are made from: the newest, or while paused the one of that moment."""
        self.arrived_mono = clock.mono()
        """When it came here: a ``retry_in`` counts from then."""
        self.newest_mono = clock.mono()
        """When the newest reading came, also one that is not shown while the pane is paused."""
        self._paused_mono = clock.mono()
        self._frame_drawn: tuple[object, ...] = ()
        self._state_told = ""

    # -- for subclasses --------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        """Make rows from ``self.shown`` and the filter, then ``set_rows``. While paused only a filter calls this."""

    def title_words(self) -> Words:
        """What stands at the right of the frame's upper edge."""
        return []

    def paused_words(self) -> Words:
        """What the frame says while this pane is frozen."""
        return [("PAUSED", "warn")]

    def truth(self) -> tuple[str, bool]:
        """The truth line (safe text), and whether what is shown is stale."""
        return "", False

    def state(self) -> tuple[str, str]:
        """Glyph or short figure for the tab strip, and its ink."""
        return "", ""

    def findings_here(self) -> list[Finding]:
        """The findings that explain the row under the cursor, else those of the whole pane."""
        return []

    def explain_subject(self) -> str:
        """What ``findings_here`` is about (safe text)."""
        return self.TITLE.lower()

    def copy_name(self) -> str | None:
        """What ``y`` copies."""
        return self.plain(self.cursor) if self.selected is not None else None

    def copy_forms(self) -> list[tuple[str, str]]:
        """What ``Y`` offers: a name and the text, each."""
        return []

    def row_fields(self, row: Any) -> Mapping[str, str | float | None]:
        """The fields a filter may name. ``text`` is what a bare word is looked for in."""
        return {"text": str(row)}

    # -- life ------------------------------------------------------------------------------------------------------

    def watch_reading(self) -> None:
        self.newest_mono = self.clock.mono()
        if not self.paused:
            self.shown, self.arrived_mono = self.reading, self.newest_mono
            if self.reading is not None:
                self.refresh_rows()
        self.draw_frame()

    def watch_paused(self) -> None:
        self._paused_mono = self.clock.mono()
        if not self.paused and self.reading is not None and self.is_mounted:
            self.shown = self.reading
            self.refresh_rows()
        self.draw_frame()

    def moment(self) -> float:
        """The monotonic second that countdowns are drawn for: now, or when the pane was paused."""
        return self._paused_mono if self.paused else self.clock.mono()

    def tick(self) -> None:
        """Once a second: countdowns move, ages grow; nothing is asked of anybody."""
        self.draw_frame()
        if not self.paused and self.is_on_screen:
            self.refresh_changed()

    @property
    def is_on_screen(self) -> bool:
        """False for a pane that the layout hides."""
        return self.display and self.size.height > 0

    @property
    def edge_room(self) -> int:
        """Cells for words on an edge of the frame: all of it but the corners and a bit of line at each."""
        return self.size.width - 2

    def draw_frame(self) -> None:
        """Title and truth line, redrawn only when their words change."""
        if not self.is_mounted or self.size.width == 0:
            return
        truth, stale = self.truth()
        muted = stale
        words = self.title_words() + (self.paused_words() if self.paused else [])
        filter_text = self.filter.text
        drawn = (
            truth,
            stale,
            tuple(words),
            filter_text,
            self.filter_error,
            self.size.width,
            self.has_focus,
            self.app.theme,
        )
        if drawn == self._frame_drawn:
            return
        self._frame_drawn = drawn
        if muted != self.muted:
            self.muted = muted
            self.refresh()
        left: Words = [(f"{self.NUMBER} {self.TITLE}", "here")]
        if filter_text:
            left.append((f"  / {filter_text}", "crit" if self.filter_error else "accent"))
        self._set_edges(self._edge(left, words), self._edge([(truth, "warn" if stale else "quiet")], []))
        state = self.state()[0]
        if state != self._state_told:
            self._state_told = state
            self.post_message(StateChanged(self.NAME))

    def _set_edges(self, upper: Content, lower: Content) -> None:
        """New words on the frame: only its two lines are painted, where Textual would paint the pane."""
        self._framing = True
        self.border_title, self.border_subtitle = upper, lower
        self._framing = False
        left, top = self.content_offset
        width, height = self.outer_size
        self.refresh(Region(-left, -top, width, 1), Region(-left, height - 1 - top, width, 1))

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As ever, except while the frame gets its words."""
        if self._framing:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _edge(self, left: Words, right: Words) -> Content:
        """Words at both ends of an edge with the frame's own line between them."""
        room = self.edge_room
        start = Content.assemble(*[(text, self._text_style(ink)) for text, ink in left])
        end = Content.assemble(
            *[
                (text + ("  " if i < len(right) - 1 else ""), self._text_style(ink))
                for i, (text, ink) in enumerate(right)
            ]
        )
        fill = room - start.cell_length - end.cell_length
        if not right or fill < 2:
            return start if start.cell_length <= room else start.truncate(room, ellipsis=True)
        line = TextStyle(foreground=self.styles.border_top[1])
        return Content.assemble(start, " ", ("─" * (fill - 2), line), " ", end)

    def _text_style(self, ink: str) -> TextStyle:
        return TextStyle.from_rich_style(self.ink(ink)) if ink else TextStyle()

    def on_focus(self) -> None:
        self.call_after_refresh(self.draw_frame)

    def on_blur(self) -> None:
        self.call_after_refresh(self.draw_frame)

    def on_resize(self) -> None:
        super().on_resize()
        self.draw_frame()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._frame_drawn = ()

    # -- actions that every pane has -------------------------------------------------------------------------------

    def set_filter(self, text: str) -> str | None:
        """Filter the rows; the sentence to show when the text is not a filter."""
        try:
            self.filter, self.filter_error = parse_filter(text, self.FIELDS), None
        except FilterError as error:
            self.filter_error = str(error)
        if self.reading is not None:
            self.refresh_rows()
        self.draw_frame()
        return self.filter_error

    def action_pause(self) -> None:
        self.paused = not self.paused

    def action_refresh(self) -> None:
        self.post_message(RefreshRequested(self.NAME))

    def action_copy(self) -> None:
        if name := self.copy_name():
            self.post_message(CopyRequested(name, "row"))

    def action_export(self) -> None:
        self.post_message(ExportRequested(self.NAME, self.export_lines()))

    def export_lines(self) -> list[str]:
        """Head, rows and truth line as text."""
        width = max(100, self.size.width)
        heads = ["".join(text for text, _ in self.head(i, width)).rstrip() for i in range(self.head_lines)]
        return [*heads, *(self.plain(i, width) for i in range(len(self.rows))), "", self.truth()[0]]
