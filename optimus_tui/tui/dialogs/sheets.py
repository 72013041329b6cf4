"""Dialogs for reading: prepared text, and the details of a value, a key and an event."""

import json
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
from rich.cells import cell_len
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from optimus_tui.contract.keyspace import FeedEvent, FeedGap, ParsedEvent, raw_payload
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import mark_of, wrap
from optimus_tui.tui.widgets.line_painter import wrapping_width
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.numbers import age, clock
from optimus_tui.wording.safe import safe_text


class Wrapped(Static):
    """Text that is rendered for the available width, so that wrapped lines keep their indent."""

    def __init__(self, make: Callable[[int], Content]) -> None:
        super().__init__(make(96))
        self._make, self._made_for = make, 96
        self._texts: dict[int, Content] = {}
        """By width: one layout asks for the height with a scroll bar and without one."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Render the content for this width and return its number of lines. No frame shows it at another width."""
        if width != self._made_for and width > 0:
            self._made_for = width
            if width not in self._texts:
                self._texts[width] = self._make(width)
            self.update(self._texts[width], layout=False)
        return super().get_content_height(container, viewport, width)

    def make_again(self) -> None:
        """Render the content again, because it has changed."""
        self._texts.clear()
        self.update(self._make(self._made_for))


class TextDialog(Dialog):
    """A dialog with prepared content that scrolls.

    Content that depends on the width is rendered again when that changes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up,k", "scroll(-1)", ""),
        ("down,j", "scroll(1)", ""),
        ("e", "dismiss(None)", ""),
    ]

    def __init__(
        self, title: str, content: Content | Callable[[int], Content], keys: str = "esc closes   ↑↓ scroll"
    ) -> None:
        super().__init__()
        self.dialog_title, self.content, self.dialog_keys = title, content, keys

    def body(self) -> list[Widget]:
        """Return the content in a scroll view."""
        if callable(self.content):
            return [VerticalScroll(Wrapped(self.content), id="body")]
        return [VerticalScroll(Static(self.content), id="body")]

    def action_scroll(self, lines: int) -> None:
        """Scroll by a number of lines."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)


def hanging(before: str, label: tuple[str, str], after: str, text: str, width: int) -> list[Content]:
    """Return a label with its text beside it, with a hanging indent if the text takes several lines.

    Args:
        before: Blanks before the label.
        label: Safe text and its style.
        after: Blanks between label and text.
        text: Safe text.
        width: Cells of a line.
    """
    indent = len(before) + cell_len(label[0]) + len(after)
    first, *rest = wrap(text, max(8, width - indent))
    return [Content.assemble(before, label, after, first), *(Content(" " * indent + part) for part in rest)]


Fact = tuple[str, str, str]
"""A label (may be empty), safe text, and its style."""

LABEL = 11
AROUND = 7
"""Cells of a narrow screen that are not of the text: frame, blanks and scroll bar."""
MAX_LINES = 4_000


class SheetView(LineView):
    """Facts, wrapped to the available width; each has its label on the first line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up,k", "scroll(-1)", ""),
        ("down,j", "scroll(1)", ""),
        ("pageup", "scroll_page(-1)", ""),
        ("pagedown,ctrl+f,space", "scroll_page(1)", ""),
        ("g,home", "scroll_home", ""),
        ("G,end", "scroll_end", ""),
    ]
    head_lines = 0
    cursor_visible = False

    def __init__(self, facts: Sequence[Fact]) -> None:
        super().__init__(id="body")
        self.facts = facts
        self._wrapped_to = 0

    def on_mount(self) -> None:
        """Wrap to the usual width of a dialog until the layout is known; less where the screen is narrow."""
        self._wrap_to(min(96, self.app.size.width - AROUND))

    def on_resize(self) -> None:
        """Wrap to the new width."""
        self._wrap_to(wrapping_width(self))

    def _wrap_to(self, width: int) -> None:
        if width == self._wrapped_to or width < 8:
            return
        self._wrapped_to = width
        lines: list[list[Piece]] = []
        for label, text, style in self.facts:
            blanks = len(text) - len(text.lstrip(" "))
            indent = min(blanks, width // 2)
            if label:
                indent = LABEL
            for part in wrap(text.lstrip(" "), width - indent):
                lines.append([(f"{label:<{indent}}", "quiet"), (part, style)])
                label = ""
            if len(lines) > MAX_LINES:
                lines[MAX_LINES:] = [[("… the rest is not shown", "quiet")]]
                break
        self.set_rows(lines)
        self.refresh(layout=True)

    def action_scroll(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.scroll_relative(y=by, animate=False)

    def action_scroll_page(self, by: int) -> None:
        """Scroll by a number of pages."""
        self.scroll_relative(y=by * self.page_size, animate=False)

    def action_scroll_home(self) -> None:
        """Scroll to the first line."""
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self, **_: object) -> None:
        """Scroll to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False)


class SheetDialog(Dialog):
    """A dialog that shows facts."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "dismiss(None)", "")]

    def __init__(self, title: str, facts: Sequence[Fact], keys: str = "↑↓ scroll   esc closes") -> None:
        super().__init__()
        self.dialog_title, self.dialog_keys, self.facts = title, keys, facts

    def body(self) -> list[Widget]:
        """Return the facts."""
        return [SheetView(self.facts)]


MAX_BYTES = 64 * 1024
LONGEST_LINE = 2_000
MAX_BODY_LINES = 3_000


def body_facts(raw: bytes) -> list[Fact]:
    """Return bytes as lines: JSON is laid out with its numbers and names unchanged, anything else is escaped."""
    text = _pretty(raw[:MAX_BYTES])
    if text is None:
        text = raw[:MAX_BYTES].decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    facts: list[Fact] = [("", _safe_line(line), "") for line in lines[:MAX_BODY_LINES]]
    if len(lines) > MAX_BODY_LINES or len(raw) > MAX_BYTES:
        facts.append(("", f"… cut after {min(len(lines), MAX_BODY_LINES):,} lines", "quiet"))
    return facts


def _pretty(raw: bytes) -> str | None:
    """Return bytes laid out as JSON; None if they are no JSON, or if a name in it occurs twice."""
    try:
        value = msgspec.json.decode(raw)
        if not isinstance(value, (dict, list)) or _repeats(raw, value):
            return None
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError, OverflowError):
        return None


def _repeats(raw: bytes, value: object) -> bool:
    """Return True if a name occurs twice: laid out, the first would vanish."""
    try:
        counted = _count(json.loads(raw, object_pairs_hook=list))
    except (ValueError, RecursionError):
        return True
    return counted != _count(value)


def _count(value: object) -> int:
    """Return how many values are inside. Pairs, as read with ``object_pairs_hook=list``, count as a dict does."""
    if isinstance(value, dict):
        return sum(2 + _count(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(1 + _count(inner) for inner in value)
    if isinstance(value, tuple):
        return 1 + _count(value[1])
    return 0


def _safe_line(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * min(indent, 40) + safe_text(line[indent:], LONGEST_LINE)


CLAIM_SECONDS = 5.0
"""A claimed time this far from our own clock is worth a remark."""


def event_dialog(event: FeedEvent, meaning: ParsedEvent) -> SheetDialog:
    """Return the dialog for one event."""
    facts: list[Fact] = [
        ("received", f"{clock(event.received_at, dated=True)} UTC, {_origin(event)}", ""),
        ("claims", claim_words(meaning.claimed_at, event.received_at), ""),
        ("channel", safe_text(event.channel, 600), ""),
        *_meaning_facts(meaning),
        ("payload", _size(event), ""),
        ("", "", ""),
        *body_facts(raw_payload(event.payload)),
    ]
    return SheetDialog("Coherence event", [fact for fact in facts if fact[1] or not fact[0]])


def gap_dialog(gap: FeedGap) -> SheetDialog:
    """Return the dialog for a gap in the feed."""
    filled = "the event log was not read"
    if gap.filled is not None:
        filled = f"{gap.filled:,} events recovered from the event log"
    return SheetDialog(
        "Gap in the feed",
        [
            ("ended", f"{clock(gap.received_at, dated=True)} UTC", ""),
            ("lasted", age(gap.seconds), "warn"),
            ("because", safe_text(gap.reason, 600) or "the reason is unknown", ""),
            ("filled", filled, ""),
            ("", "", ""),
            (
                "",
                "Events published while the link was down did not arrive here. Those in the event log can be",
                "",
            ),
            ("", "recovered from it; the others are lost.", ""),
        ],
    )


def claim_words(claimed: float | None, received: float) -> str:
    """Return the time that the sender claims."""
    if claimed is None:
        return ""
    words = f"{clock(claimed, dated=True)} UTC"
    apart = claimed - received
    if abs(apart) < CLAIM_SECONDS:
        return words
    if apart > 0:
        return f"{words}, {age(apart)} after it came"
    return f"{words}, {age(-apart)} before it came"


def _origin(event: FeedEvent) -> str:
    if event.origin == "live":
        return "live"
    return "read back from the event log after a gap"


def _meaning_facts(meaning: ParsedEvent) -> list[Fact]:
    if meaning.problem:
        return [("unparsed", meaning.problem, "warn")]
    raw = meaning.tenant.encode("utf-8", "surrogatepass")
    facts: list[Fact] = [
        ("tenant", safe_text(meaning.tenant) or "unknown", "bright" if meaning.tenant else "quiet"),
        ("type", safe_text(meaning.type), ""),
    ]
    if mark_of(raw)[0]:
        facts.insert(1, ("its bytes", raw[:128].hex(" "), "warn"))
    return facts


def _size(event: FeedEvent) -> str:
    kept = len(raw_payload(event.payload))
    if event.length > kept:
        return f"{event.length:,} bytes, the first {kept:,} kept"
    return f"{event.length:,} bytes"
