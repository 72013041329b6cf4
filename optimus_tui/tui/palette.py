"""The palette (ctrl+p): every key of the table and every command, by name."""

from collections.abc import Iterator
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType

from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.keys import KEYS, written


class Actions(Provider):
    """What can be done on the dashboard now."""

    def _entries(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        screen = self.screen
        if not isinstance(screen, Dashboard):
            yield from self._keys_of(screen)
            return
        for key in KEYS:
            if key.id not in ("app.palette", "app.command"):
                yield f"{key.label}  {written(key.keys, key.shown)}", key.help, self._press(screen, key.keys)
        for command in COMMANDS:
            if not command.when(screen):
                continue
            choices = command.choices(screen)
            if choices:
                for choice in choices:
                    yield f":{command.name} {choice}", command.help, self._line(screen, f"{command.name} {choice}")
            elif not command.argument.isupper():
                yield f":{command.name}", command.help, self._line(screen, command.name)

    def _keys_of(self, screen: Screen[Any]) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        """What works on a screen above the dashboard."""
        live = {entry.binding.id for entry in screen.active_bindings.values() if entry.enabled}
        for key in KEYS:
            if key.id in live and key.id not in ("app.palette", "app.command"):
                yield f"{key.label}  {written(key.keys, key.shown)}", key.help, self._press(screen, key.keys)

    def _press(self, screen: Screen[Any], keys: str) -> IgnoreReturnCallbackType:
        first = keys.split(",")[0]
        return lambda: screen.app.simulate_key(first)

    def _line(self, screen: Dashboard, line: str) -> IgnoreReturnCallbackType:
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
