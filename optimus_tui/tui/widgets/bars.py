"""The one-line bars: status above, tabs for the single-pane layout, keys below. They draw what they are given."""

from typing import Any

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from optimus_tui.tui.keys import KEYS, written

Words = list[tuple[str, str]]
"""Safe text and a colour: the name of a theme variable, or ""."""


class Bar(Widget):
    """A line of words at the left and at the right; what does not fit is cut at the left words' end."""

    facts: reactive[tuple[Words, Words]] = reactive(([], []))
    """Left and right words."""

    def words(self) -> tuple[Words, Words]:
        """Return left and right words."""
        return self.facts

    def paint(self, words: Words) -> Content:
        """Words as content; ``b:`` before a colour makes it bold."""
        return Content.assemble(*[(text, self._style(color)) for text, color in words])

    def _style(self, color: str) -> Style:
        bold = color.startswith("b:")
        value = self.app.theme_variables.get(color.removeprefix("b:"), color.removeprefix("b:"))
        weight = "bold" if bold else ""
        return Style.parse(f"{weight} {value}".strip()) if value or bold else Style()

    def render(self) -> Content:
        """Return the line as content."""
        left, right = (self.paint(words) for words in self.words())
        room = self.size.width - right.cell_length - 1
        left = left.truncate(max(0, room), ellipsis=True)
        return Content.assemble(left, " " * max(0, self.size.width - left.cell_length - right.cell_length), right)


class StatusBar(Bar):
    """Product, environment, mode, verdict, own load and the clock."""


class TabStrip(Bar):
    """The four panes by number with their state, for the layout that shows one of them."""

    tabs: reactive[tuple[tuple[str, str, str, str, bool], ...]] = reactive(())
    """Name, title, state text, the state's colour, current."""

    class TabPicked(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def words(self) -> tuple[Words, Words]:
        """Return the tabs."""
        words: Words = [(" ", "")]
        for _name, title, state, color, current in self.tabs:
            words += [(title, "b:bright" if current else "quiet"), (f" {state}" if state else "", color), ("   ", "")]
        return words, []

    def on_click(self, event: events.Click) -> None:
        """Go to the tab that was clicked."""
        at = 1
        for name, title, state, _color, _current in self.tabs:
            at += len(title) + (len(state) + 1 if state else 0) + 3
            if event.x < at:
                self.post_message(self.TabPicked(name))
                return


_GAP = 3
_QUIT = len(" q quit ")
"""Room that is kept for the last key, which must never fall off the line."""


class KeyStrip(Bar):
    """The keys that are valid now, from the table of keys and the active bindings; a click presses the key."""

    notice: reactive[str] = reactive("")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.labels: dict[str, str] = {}
        """A key's word where it means something narrower just now, by the key's id; an empty one leaves it out."""
        self._spans: list[tuple[int, str]] = []

    def words(self) -> tuple[Words, Words]:
        """Return the keys that work here, or the notice."""
        if self.notice:
            return [(" " + self.notice, "warning")], []
        active: dict[str, str] = {}
        for binding in self.screen.active_bindings.values():
            if binding.enabled and binding.binding.id:
                active.setdefault(binding.binding.id, binding.binding.key)
        words: Words = [(" ", "")]
        self._spans, at = [], 1
        shown_here = (key for key in KEYS if key.footer and key.id in active and self.labels.get(key.id, key.label))
        live = sorted(shown_here, key=lambda key: key.footer)
        for key in live:
            pressed = active[key.id]
            default = [k.strip() for k in key.keys.split(",")]
            shown = key.shown if key.shown and pressed in default else written(pressed)
            label = self.labels.get(key.id, key.label)
            length = len(shown) + len(label) + 1
            last = key is live[-1]
            if not last and at + length + _GAP + _QUIT > self.size.width:
                continue
            words += [(shown, "primary"), (f" {label}" + ("" if last else " " * _GAP), "quiet")]
            at += length + _GAP
            self._spans.append((at, pressed))
        return words, []

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for end, key in self._spans:
            if event.x < end:
                self.app.simulate_key(key)
                return
