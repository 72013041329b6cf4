"""A screen that is dismissed once: a held key answers again while the first answer is still being taken in.

Textual pops whatever is on top, so a second answer would close the screen beneath, and in the end the program.
"""

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen


class Once(Screen[Any]):
    """Its first result stands; every later one is dropped."""

    _answered = False

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Dismiss the screen with a result. Nothing happens if it has been dismissed already."""
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)
