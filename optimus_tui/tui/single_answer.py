"""The base of every screen and dialog: it is dismissed once, even if a key that is held down answers it again.

Textual closes whatever screen is on top, so a second answer would close the screen below, and in the end the program.
"""

from typing import TYPE_CHECKING, Any, cast

from textual.await_complete import AwaitComplete
from textual.screen import Screen

if TYPE_CHECKING:
    from optimus_tui.tui.services import AppServices


class SingleAnswerScreen(Screen[Any]):
    """A screen whose first result counts; later ones are ignored."""

    _answered = False

    @property
    def optimus(self) -> "AppServices":
        """Return the application's own services."""
        return cast("AppServices", self.app)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Dismiss the screen with a result. Nothing happens if it has been dismissed already.

        One that is not mounted yet is dismissed as soon as it is.
        """
        if self._answered:
            return AwaitComplete()
        self._answered = True
        leave = super().dismiss
        if self.is_mounted:
            return leave(result)
        self.call_later(lambda: leave(result) and None)  # a screen without its widgets could not be drawn
        return AwaitComplete()
