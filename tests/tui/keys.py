"""Keys as a terminal sends what was typed fast."""

from typing import Any

from textual import events
from textual.pilot import Pilot

CHARACTERS = {"space": " ", "colon": ":", "slash": "/", "question_mark": "?", "minus": "-", "plus": "+"}


async def burst(pilot: Pilot[Any], *keys: str) -> None:
    """Send all keys before the first is worked on, and wait until the last was."""
    app: Any = pilot.app
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else CHARACTERS.get(key))
        event.set_sender(app)
        app.post_message(event)
    for _ in range(400):
        await pilot.pause()
        if not app.keys.is_busy:
            break
    await pilot.pause()
