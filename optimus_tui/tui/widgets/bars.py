"""The one-line bars: status above, tabs for the single-pane layout, keys below. They draw what they are given."""

from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from optimus_tui.tui.key_gate import takes_text
from optimus_tui.tui.keys import KEYS, in_footer, is_typed, written
from optimus_tui.tui.widgets.changes import changed_span
from optimus_tui.wording.numbers import clause
from optimus_tui.wording.wrapping import shortened_between_words

WIDE_FOOTER = 100
"""Columns from which there are three blanks between two keys."""
Words = list[tuple[str, str]]
"""Safe text and a colour: the name of a theme variable, or ""."""


def words_that_fit(words: Words, width: int) -> Words:
    """Return the first words that fit into ``width`` cells, never a part of a word or of an address."""
    shown: Words = []
    for text, color in words:
        if cell_len(text) <= width:
            shown.append((text, color))
            width -= cell_len(text)
            continue
        start = text[: len(text) - len(text.lstrip())]
        if part := shortened_between_words(text.strip(), width - len(start), cell_len):
            shown.append((start + part, color))
        break
    return shown


class Part(NamedTuple):
    """A part of a bar's words.

    Without enough room, parts with the largest ``rank`` are dropped first; 0 is never dropped.
    """

    rank: int
    words: Words
    shorter: "Part | None" = None
    """What stands in its place once it has given way."""


def with_room(left: list[Part], right: list[Part], width: int) -> tuple[Words, Words]:
    """Return the left and right words of a bar, dropped or shortened until they fit into ``width`` columns."""
    while sum(cell_len(text) for part in (*left, *right) for text, _ in part.words) >= width:
        least = max((part for part in (*left, *right) if part.words), key=lambda part: part.rank, default=None)
        if least is None or least.rank == 0:
            break
        left, right = _without(left, least), _without(right, least)
    return [word for part in left for word in part.words], [word for part in right for word in part.words]


def _without(parts: list[Part], least: Part) -> list[Part]:
    """Return the parts with what is shorter in the place of one of them, if anything."""
    kept = [one if one is not least else one.shorter for one in parts]
    return [one for one in kept if one is not None]


class Bar(Widget):
    """A line of words at the left and at the right.

    If they do not fit, words are dropped from the end of the left ones.
    """

    facts: reactive[tuple[Words, Words]] = reactive(([], []), repaint=False)
    """Left and right words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._drawn: Words = []

    def words(self) -> tuple[Words, Words]:
        """Return the left and the right words."""
        return self.facts

    def line(self) -> Words:
        """Return the words of the whole line, with the blanks between those at the left and those at the right."""
        left, right = self.words()
        room = self.size.width - sum(cell_len(text) for text, _ in right)
        kept = words_that_fit(left, room - 1)
        return [*kept, (" " * max(0, room - sum(cell_len(text) for text, _ in kept)), ""), *right]

    def _style(self, color: str) -> Style:
        bold = color.startswith("b:")
        value = self.app.theme_variables.get(color.removeprefix("b:"), color.removeprefix("b:"))
        weight = "bold" if bold else ""
        if value or bold:
            return Style.parse(f"{weight} {value}".strip())
        return Style()

    def render_line(self, y: int) -> Strip:
        """Return the line; ``b:`` before a colour makes its words bold."""
        self._drawn = self.line()
        base, width = self.visual_style, self.size.width
        segments = [Segment(text, (base + self._style(color)).rich_style) for text, color in self._drawn if text]
        return Strip(segments).simplify().adjust_cell_length(width, base.rich_style)

    def watch_facts(self) -> None:
        """Paint the words that changed."""
        self.refresh_changed()

    def refresh_changed(self) -> None:
        """Paint the cells that would look different now, such as the eight cells of a ticking clock."""
        if self.is_mounted and (now := self.line()) != self._drawn:
            begin, cells = changed_span(self._drawn, now, self.size.width)
            self.refresh(Region(begin, 0, cells, 1))


class StatusBar(Bar):
    """Product, environment, mode, verdict, own requests and the clock."""


class TabStrip(Bar):
    """The four panes by number with their state, for the layout that shows one of them."""

    tabs: reactive[tuple[tuple[str, str, str, str, bool], ...]] = reactive(())
    """Name, title, state text, the state's colour, current."""

    class TabPicked(Message):
        """Posted when a tab is clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def words(self) -> tuple[Words, Words]:
        """Return the tabs."""
        words: Words = [(" ", "")]
        for _name, title, state, color, current in self.tabs:
            words += [(title, "b:bright" if current else "quiet"), (clause(state, " "), color), ("   ", "")]
        return words, []

    def on_click(self, event: events.Click) -> None:
        """Go to the tab that was clicked."""
        at = 1
        for name, title, state, _color, _current in self.tabs:
            at += len(title) + (len(state) + 1 if state else 0) + 3
            if event.x < at:
                self.post_message(self.TabPicked(name))
                return


class KeyStrip(Bar):
    """The keys that work now, from the table of keys and the active bindings; a click presses the key."""

    notice: reactive[str] = reactive("")
    typing_words: reactive[str] = reactive("")
    """What the keys of the open prompt do; empty while it is closed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.labels: dict[str, str] = {}
        """A key's word where it means something narrower just now, by the key's id; an empty one leaves it out."""
        self._spans: list[tuple[int, str]] = []

    def on_mount(self) -> None:
        """Draw again whenever the active keys change, and when a screen above was closed."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())
        self.app.screen_change_signal.subscribe(self, lambda _: self.refresh())

    def words(self) -> tuple[Words, Words]:
        """Return the keys that work here, or the notice."""
        self._spans = []
        if self.notice:
            return [(" " + self.notice, "warning")], []
        if self.typing_words:
            return [(" " + self.typing_words, "quiet")], []
        if isinstance(self.app.screen, ModalScreen):
            return [(" ", "")], []  # the dialog names its own keys: these would do nothing
        keys = self._offered()
        gap = 3 if self.size.width >= WIDE_FOOTER else 2
        widths = {name: cell_len(f"{shown} {label}") for name, (_, shown, label) in keys.items()}
        words: Words = [(" ", "")]
        at = 1
        for name in in_footer(widths, self.size.width - 2, gap):
            pressed, shown, label = keys[name]
            words += [(shown, "primary"), (f" {label}" + " " * gap, "quiet")]
            at += widths[name] + gap
            self._spans.append((at, pressed))
        return [*words[:-1], (words[-1][0].rstrip() or " ", words[-1][1])], []

    def _offered(self) -> dict[str, tuple[str, str, str]]:
        """Return key, way of writing it and label of each key that works here, by its id.

        While a text is typed, keys that would be typed are not offered: ``f1`` stands for ``?`` then.
        """
        typing = takes_text(self.screen.focused)
        active: dict[str, list[str]] = {}
        for binding in self.screen.active_bindings.values():
            name, pressed = binding.binding.id, binding.binding.key
            if binding.enabled and name and not (typing and is_typed(pressed)):
                active.setdefault(name, []).append(pressed)
        offered = {}
        for key in KEYS:
            label = self.labels.get(key.id, key.label)
            if key.id == "app.back":
                label = getattr(self.screen, "way_back", label)
            if key.id == "app.quit" and getattr(self.app, "dashboard", self.screen) is not self.screen:
                label = ""  # there it does what esc does
            if key.id in active and label:
                pressed = active[key.id][0]
                usual = key.shown and pressed == key.keys.split(",")[0]
                offered[key.id] = (pressed, key.shown if usual else written(pressed), label)
        return offered

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for end, key in self._spans:
            if event.x < end:
                self.app.simulate_key(key)
                return
