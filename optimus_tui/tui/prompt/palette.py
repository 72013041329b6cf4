"""What the palette offers: every key that works where it was opened, and every command."""

from collections.abc import Iterator
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType

from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.keys import KEYS, written


class PaletteEntries(Provider):
    """The entries of the palette (ctrl+p): every key that works here, and every command."""

    def _entries(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        screen = self.screen
        yield from self._keys_of(screen)
        dashboard: Any = getattr(screen.app, "dashboard", None)
        if not isinstance(screen, BaseScreen) or dashboard is None:
            return
        for command in COMMANDS:
            if not command.when(dashboard):
                continue
            choices = command.choices(dashboard)
            if choices:
                for choice in (one for one in choices if not one.endswith(" ")):  # the others want more words
                    yield f":{command.name} {choice}", command.help, self._line(screen, f"{command.name} {choice}")
            elif not command.needs_argument:
                yield f":{command.name}", command.help, self._line(screen, command.name)

    def _keys_of(self, screen: Screen[Any]) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        """Yield what works on a screen."""
        live = {entry.binding.id for entry in screen.active_bindings.values() if entry.enabled}
        for key in KEYS:
            if key.id in live and key.id not in ("app.palette", "app.command"):
                yield f"{key.label}  {written(key.keys, key.shown)}", key.help, self._press(screen, key.keys)

    def _press(self, screen: Screen[Any], keys: str) -> IgnoreReturnCallbackType:
        first = keys.split(",")[0]
        return lambda: screen.app.simulate_key(first)

    def _line(self, screen: BaseScreen, line: str) -> IgnoreReturnCallbackType:
        return lambda: screen.prompt.run(line)

    async def discover(self) -> Hits:
        """Return every entry, for an empty query."""
        for title, about, run in self._entries():
            yield DiscoveryHit(title, run, help=about)

    async def search(self, query: str) -> Hits:
        """Return the entries that match a query."""
        matcher = self.matcher(query)
        for title, about, run in self._entries():
            if (score := matcher.match(f"{title} {about}")) > 0:
                yield Hit(score, matcher.highlight(title), run, help=about)
