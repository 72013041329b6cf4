"""Keys that come before the wizard's first page can take them: kept, and handed on in their order.

On a slow machine ctrl+n and the name behind it arrive in one burst. It refuses to guess: nothing that was typed
becomes a command of the screen.
"""

from textual import events

from optimus_tui.tui.base_screen import BaseScreen


class TypedAhead(BaseScreen):
    """Holds keys and pastes until ``hand_on``."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[events.Event] | None = []

    def _forward_event(self, event: events.Event) -> None:
        if self._held is not None and isinstance(event, (events.Key, events.Paste)):
            self._held.append(event)
        else:
            super()._forward_event(event)

    def hand_on(self) -> None:
        """Send the held keys to what has the focus now. Later keys go their usual way."""
        held, self._held = self._held or [], None
        for event in held:
            (self.focused or self)._forward_event(event)
