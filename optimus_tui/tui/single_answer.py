"""A screen that is dismissed once, even if a key that is held down answers it again.

Textual closes whatever screen is on top, so a second answer would close the screen below, and in the end the program.
"""

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen


class SingleAnswerScreen(Screen[Any]):
    """A screen whose first result counts; later ones are ignored."""

    _answered = False

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Dismiss the screen with a result. Nothing happens if it has been dismissed already."""
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)
