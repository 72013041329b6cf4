"""What the four panes have in common: a frame that says what it shows, how fresh that is and how complete.

A pane receives readings and never requests them. It has its rows and its actions; its content defines how they look.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from rich.cells import cell_len
from textual import on
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.style import Style as TextStyle
from textual.worker import Worker, WorkerState

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.grammar.filter import EVERYTHING, Filter, FilterError, parse_filter
from optimus_tui.settings.model import Settings
from optimus_tui.tui.keys import NEED_ROWS, bindings
from optimus_tui.tui.messages import CopyRequested, ExportRequested, RefreshRequested, StateChanged
from optimus_tui.tui.theme import Piece, plain_text
from optimus_tui.tui.widgets.line_view import LineCanvas, LineContent
from optimus_tui.tui.widgets.row_marks import mark_rows
from optimus_tui.wording.safe import safe_text

Words = list[Piece]
EDGE_CELLS = 6
"""Cells of an edge that are not words: the corners, a bit of line and a blank at each end."""
LATE_SECONDS = 5.0
"""A reading older than this and three intervals is called stale even if nobody reported a fault."""


class PaneContent(LineContent):
    """The lines of a pane's rows, the words of its frame, and what can be done with a row. This base class has none.

    It reads rows, selection, filter and reading from its pane, and changes none of them.
    """

    def __init__(self, pane: "Pane") -> None:
        self.canvas = self.pane = pane
        self.bug = ""
        """Why a list could not be made; empty while it can."""

    @property
    def edge_room(self) -> int:
        """Return the cells for words on an edge of the frame: all but the corners and a bit of line at each."""
        return self.pane.size.width - 2

    def title_words(self) -> Words:
        """Return the words at the right of the frame's upper edge."""
        return []

    def paused_words(self) -> Words:
        """Return the words in the frame of a paused pane."""
        return [("PAUSED", "warn")]

    def truth(self) -> tuple[str, bool]:
        """Return the truth line (safe text), and whether what is shown is stale; a bug takes precedence."""
        if self.bug:
            return self.bug, True
        return self.reading_truth()

    def reading_truth(self) -> tuple[str, bool]:
        """Return the truth line about what was read (safe text), and whether it is stale."""
        return "", False

    def is_late(self, past: float) -> bool:
        """Return True if a reading ``past`` seconds old should have been followed by another."""
        return past > LATE_SECONDS + 3 * self.pane.settings.refresh_seconds and not self.pane.paused

    def state(self) -> tuple[str, str]:
        """Return a glyph or short figure for the tab strip, and its text style."""
        return "", ""

    def findings_here(self) -> list[Finding]:
        """Return the findings that explain the row under the cursor, else those of the whole pane."""
        return []

    def names_shown(self) -> list[str]:
        """Return names in the rows that a filter can complete, as safe text."""
        return []

    def explain_subject(self) -> str:
        """Return the subject of ``findings_here`` (safe text)."""
        return self.pane.TITLE.lower()

    def tenant_here(self) -> bytes | None:
        """Return the tenant that the row under the cursor is about; None if it is about none."""
        return None

    def copy_name(self) -> str | None:
        """Return the text that ``y`` copies; None for nothing."""
        if self.pane.selected is not None:
            return self.plain(self.pane.cursor)
        return None

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the texts that ``Y`` offers, each with a name."""
        return []

    def export_lines(self, width: int) -> list[str]:
        """Return head, rows and truth line as text, at least 100 cells wide."""
        width = max(100, width)
        heads = [plain_text(self.head(line, width)) for line in range(self.pane.head_lines)]
        rows = [self.plain(index, width) for index in range(len(self.pane.rows))]
        return [*heads, *rows, "", self.truth()[0]]


class RowFields(Mapping[str, str | float | None]):
    """The fields of one row that a filter may name, computed on demand."""

    NAMES: ClassVar[tuple[str, ...]]

    def __contains__(self, name: object) -> bool:
        return name in self.NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


class PaneFrame:
    """Writes the words of a pane on the upper and the lower line of its border."""

    def __init__(self, pane: "Pane") -> None:
        self.pane = pane
        self.is_writing = False
        """Textual would paint the whole pane for a border title; the pane ignores that while this is set."""
        self._drawn: list[tuple[object, ...]] = [(), ()]
        """What the words of the upper and the lower edge were made from."""
        self._written: tuple[Content, Content, Size] | None = None
        self._state_posted = ""
        self._styles: dict[tuple[str, bool], TextStyle] = {}

    def forget(self) -> None:
        """Draw again next time even if the words are the same, because the theme has changed."""
        self._drawn, self._written = [(), ()], None
        self._styles.clear()

    def draw(self) -> None:
        """Draw title and truth line if their words changed."""
        pane, content = self.pane, self.pane.content
        truth, stale = content.truth()
        words = content.title_words() + (content.paused_words() if pane.paused else [])
        if pane.row_marks:
            words = [(f"{len(pane.row_marks.keys):,} marked", "accent"), *words]
        filter_text, error = pane.filter.text, pane.filter_error
        look = (pane.size.width, pane.has_focus, pane.app.theme, stale)
        drawn: list[tuple[object, ...]] = [(tuple(words), filter_text, error, *look), (truth, *look)]
        if drawn == self._drawn:
            return
        before, self._drawn = self._drawn, drawn
        if stale != pane.muted:
            pane.muted = stale
            pane.refresh()
        if self._written is None or before[0] != drawn[0]:
            left: list[Piece] = [(f"{pane.NUMBER} {pane.TITLE}", "here")]
            if filter_text:
                left.append((f"  / {filter_text}", "crit" if error else "accent"))
            upper = self._edge(left, words)
        else:
            upper = self._written[0]
        self._write(upper, self._edge([(truth, "warn" if stale else "quiet")], []))
        state = content.state()[0]
        if state != self._state_posted:
            self._state_posted = state
            pane.post_message(StateChanged(pane.NAME))

    def turn_pause(self) -> None:
        """Pause the pane, or continue it, and say which of the two was done."""
        pane = self.pane
        pane.paused = not pane.paused
        words = "paused; space continues" if pane.paused else "live again"
        pane.app.notify(f"{pane.TITLE}: {words}")

    def _write(self, upper: Content, lower: Content) -> None:
        pane, before, size = self.pane, self._written, self.pane.outer_size
        self._written = upper, lower, size
        old: tuple[Content | None, ...] = (None, None) if before is None or before[2] != size else before[:2]
        self.is_writing = True
        if upper is not old[0]:
            pane.border_title = upper
        pane.border_subtitle = lower
        self.is_writing = False
        left, top = pane.content_offset
        regions = []
        for y, earlier, words in zip((0, size.height - 1), old, (upper, lower), strict=True):
            begin, end = (0, size.width) if earlier is None else changed_cells(earlier, words, size.width)
            if begin < end:
                regions.append(Region(begin - left, y - top, end - begin, 1))
        if regions:
            pane.refresh(*regions)

    def _edge(self, left: list[Piece], right: list[Piece]) -> Content:
        """Return words at both ends of an edge with the frame's own line between them."""
        room = self.pane.content.edge_room
        start = Content.assemble(*[(text, self._style(style)) for text, style in left])
        spaced = [(text + "  ", style) for text, style in right[:-1]] + right[-1:]
        end = Content.assemble(*[(text, self._style(style)) for text, style in spaced])
        fill = room - start.cell_length - end.cell_length
        if right and fill >= 2:
            line = TextStyle(foreground=self.pane.styles.border_top[1])
            return Content.assemble(start, " ", ("─" * (fill - 2), line), " ", end)
        if start.cell_length <= room:
            return start
        return start.truncate(room, ellipsis=True)

    def _style(self, style: str) -> TextStyle:
        if not style:
            return TextStyle()
        look = style, self.pane.muted
        if look not in self._styles:
            self._styles[look] = TextStyle.from_rich_style(self.pane.text_styles.style(style, muted=self.pane.muted))
        return self._styles[look]


def changed_cells(before: Content, after: Content, width: int) -> tuple[int, int]:
    """Return where the cells begin and end that differ between the old and the new words on an edge of the frame."""
    if before == after:
        return 0, 0
    if before.spans != after.spans or before.cell_length != after.cell_length:
        return 0, width
    differ = [at for at, (old, new) in enumerate(zip(before.plain, after.plain, strict=False)) if old != new]
    if len(before.plain) != len(after.plain) or not differ:
        return 0, width
    begin, cells = cell_len(after.plain[: differ[0]]), cell_len(after.plain[differ[0] : differ[-1] + 1])
    return begin, min(width, begin + cells + EDGE_CELLS)


ONE_ORDER = {"health": "the worst finding comes first", "feed": "the newest event comes last"}
"""The order of the rows, for the panes in which no key changes it."""


def why_nothing(pane: "Pane", action: str) -> str:
    """Return in a sentence why an action of a pane has no effect now; empty if it has one."""
    if action in ("sort", "reverse") and pane.NAME in ONE_ORDER:
        return f"{pane.TITLE} has one order only: {ONE_ORDER[pane.NAME]}"
    if pane.rows:
        if action == "copy" and not pane.content.copy_name():
            return "this row has nothing to copy"
        return ""
    if action not in NEED_ROWS:
        return ""
    if pane.filter:
        return f"{NEED_ROWS[action]}: no row passes the filter; esc clears it"
    return f"{NEED_ROWS[action]}: there is no row here yet"


def draw_by_time(pane: "Pane") -> None:
    """Draw what changes though nothing was read: ages and countdowns."""
    pane.draw_frame()
    if not pane.paused and pane.is_on_screen:
        pane.refresh_changed(by_time=True)


class Pane(LineCanvas):
    """One framed list. Subclasses set NAME, NUMBER and TITLE, and implement ``refresh_rows``."""

    NAME: ClassVar[str]
    NUMBER: ClassVar[int]
    TITLE: ClassVar[str]
    FIELDS: ClassVar[tuple[str, ...]] = ()
    """The names that a filter may use here; ``text`` is what a bare word is looked for in."""
    BINDINGS = bindings("pane")

    content: PaneContent
    reading: reactive[Any] = reactive(None, always_update=True, repaint=False)
    paused = reactive(False)

    def __init__(self, clock: Clock, settings: Settings, content: PaneContent) -> None:
        self.frame = PaneFrame(self)
        super().__init__(content, id=self.NAME)
        self.clock, self.settings = clock, settings
        self.filter: Filter = EVERYTHING
        self.filter_error: str | None = None
        self.shown: Any = None
        """The reading that the rows are made from: the newest, or while paused the one of that moment."""
        self.arrived_mono = self.newest_mono = self._paused_mono = clock.mono()
        """When the shown reading came: its ``retry_in`` counts from then. ``newest_mono``: when the newest came."""

    def refresh_rows(self) -> None:
        """Make rows from ``self.shown`` and the filter, then ``set_rows``. While paused only a filter calls this."""

    def watch_reading(self) -> None:
        """Show a new reading, unless the pane is paused."""
        self.newest_mono = self.clock.mono()
        if not self.paused:
            self.shown, self.arrived_mono = self.reading, self.newest_mono
            if self.reading is not None:
                self.refresh_rows()
        self.draw_frame()

    def watch_paused(self) -> None:
        """Freeze the pane, or show the newest reading again."""
        self._paused_mono = self.clock.mono()
        if not self.paused and self.reading is not None and self.is_mounted:
            self.shown, self.arrived_mono = self.reading, self.newest_mono
            self.refresh_rows()
        self.draw_frame()

    def shown_mono(self) -> float:
        """Return the monotonic second that countdowns are drawn for: now, or when the pane was paused."""
        return self._paused_mono if self.paused else self.clock.mono()

    def tick(self, *, is_drawn: bool = False) -> None:
        """Draw countdowns and ages, once a second, unless a report ``is_drawn`` just now; nothing is read for it."""
        if not is_drawn:
            draw_by_time(self)

    @property
    def is_on_screen(self) -> bool:
        """Return False for a pane that the layout hides."""
        return self.display and self.size.height > 0

    # -- the frame, and bugs

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.content.bug = f"a bug stopped this list: {safe_text(event.worker.error, 120)}"
            self.log.error(self.content.bug)
            self.draw_frame()

    def draw_frame(self) -> None:
        """Draw title and truth line if their words changed."""
        if self.is_mounted and self.size.width:
            self.frame.draw()

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint again, except while the words of the frame are being set."""
        if self.frame.is_writing:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def on_focus(self) -> None:
        """Show in the frame that the pane has the focus."""
        self.call_after_refresh(self.draw_frame)

    on_blur = on_focus

    def on_resize(self) -> None:
        """Measure and draw the frame for the new size."""
        super().on_resize()
        self.draw_frame()

    def notify_style_update(self) -> None:
        """Use the styles of the new theme."""
        super().notify_style_update()
        self.frame.forget()

    # -- actions that every pane has

    def set_filter(self, text: str) -> str | None:
        """Filter the rows. Return the sentence to show when the text is not a filter, else None."""
        try:
            self.filter, self.filter_error = parse_filter(text, self.FIELDS), None
        except FilterError as error:
            self.filter_error = str(error)
        if self.reading is not None:
            self.refresh_rows()
        self.draw_frame()
        return self.filter_error

    def action_pause(self) -> None:
        """Freeze the pane, or continue."""
        self.frame.turn_pause()

    def action_mark(self, whole_range: bool = False) -> None:
        """Mark the row under the cursor and move to the next one; or begin a range there, or end it."""
        mark_rows(self, self.row_marks, whole_range)

    def action_refresh(self) -> None:
        """Ask for a new reading."""
        self.post_message(RefreshRequested(self.NAME))

    def action_copy(self) -> None:
        """Copy what the row under the cursor is about."""
        if name := self.content.copy_name():
            self.post_message(CopyRequested(name, "row"))

    def action_export(self) -> None:
        """Write the rows to a file."""
        self.post_message(ExportRequested(self.NAME, self.content.export_lines(self.size.width)))
