"""What a pane shows and says: the lines of its rows, the words of its frame, and what can be done with a row.

A content is given its pane, from which it reads rows, selection, filter and reading. It changes none of them.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from textual.geometry import Offset, Size

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.grammar.filter import Filter
from optimus_tui.settings.model import Settings
from optimus_tui.tui.theme import Piece, plain_text
from optimus_tui.tui.widgets.line_view import LineContent

Words = list[Piece]


class PaneView(Protocol):
    """What a content may ask of its pane."""

    TITLE: ClassVar[str]
    clock: Clock
    settings: Settings
    filter: Filter
    shown: Any
    """The reading that the rows are made from; None before the first."""
    arrived_mono: float
    rows: Sequence[Any]
    cursor: Any
    paused: Any
    reading: Any
    """The newest reading, also while the pane is paused."""
    wrapped: bool
    head_lines: int
    foot_lines: int

    @property
    def scroll_offset(self) -> Offset:
        """Return the first row in view, as ``y``."""

    @property
    def selected(self) -> Any | None:
        """Return the row under the cursor, or None without rows."""

    @property
    def size(self) -> Size:
        """Return columns and rows."""

    @property
    def page_size(self) -> int:
        """Return how many body lines are in view."""

    @property
    def is_on_screen(self) -> bool:
        """Return False for a pane that the layout hides."""

    def visible_range(self) -> range:
        """Return the indexes of the rows in view."""

    def moment(self) -> float:
        """Return the monotonic second that countdowns are drawn for."""

    def text_width(self, width: int) -> int:
        """Return ``width`` less a blank before the scroll bar, where there is one."""


class PaneContent(LineContent):
    """A pane's content; this one says nothing."""

    def __init__(self, pane: PaneView) -> None:
        self.view = self.pane = pane
        self.bug = ""
        """Why a list could not be made; empty while it can."""

    @property
    def edge_room(self) -> int:
        """Return the cells for words on an edge of the frame: all but the corners and a bit of line at each."""
        return self.pane.size.width - 2

    def title_words(self) -> Words:
        """Return what stands at the right of the frame's upper edge."""
        return []

    def paused_words(self) -> Words:
        """Return what the frame says while the pane is frozen."""
        return [("PAUSED", "warn")]

    def truth(self) -> tuple[str, bool]:
        """Return the truth line (safe text), and whether what is shown is stale."""
        return "", False

    def state(self) -> tuple[str, str]:
        """Return a glyph or short figure for the tab strip, and its ink."""
        return "", ""

    def findings_here(self) -> list[Finding]:
        """Return the findings that explain the row under the cursor, else those of the whole pane."""
        return []

    def explain_subject(self) -> str:
        """Return what ``findings_here`` is about (safe text)."""
        return self.pane.TITLE.lower()

    def copy_name(self) -> str | None:
        """Return what ``y`` copies; None for nothing."""
        return self.plain(self.pane.cursor) if self.pane.selected is not None else None

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return what ``Y`` offers, each a name and the text."""
        return []

    def export_lines(self, width: int) -> list[str]:
        """Return head, rows and truth line as text, at least 100 cells wide."""
        width = max(100, width)
        heads = [plain_text(self.head(line, width)) for line in range(self.pane.head_lines)]
        rows = [self.plain(index, width) for index in range(len(self.pane.rows))]
        return [*heads, *rows, "", self.truth()[0]]
