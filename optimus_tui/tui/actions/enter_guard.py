"""Decide whether an Enter on the button that carries out a plan is deliberate, or a key that is held down."""

from collections.abc import Callable
from functools import partial

from textual.timer import Timer

from optimus_tui.clock import Clock
from optimus_tui.tui.dialogs.base import Dialog

QUIET_SECONDS = 0.5
"""An Enter that confirms comes this long after the key before it, and after the button got the focus."""
REPEAT_SECONDS = 1.0
"""An Enter this soon after another Enter may be one key that is held down: terminals repeat it after 0.25 to 0.7 s."""
HELD_SECONDS = 0.4
"""A key that is held down comes again within this: where nothing comes, such an Enter was meant, and counts."""


class EnterGuard:
    """Calls ``act`` for a deliberate Enter, at once or after a moment in which no other Enter follows.

    Args:
        dialog: The dialog of the button.
        clock: The clock that times the focus.
        say: Shows why an Enter does not count.
        said: Returns what is shown.
        may: Returns whether an Enter may carry out the plan now.
        act: Carries out the plan.
    """

    def __init__(
        self,
        dialog: Dialog,
        clock: Clock,
        say: Callable[[str], None],
        said: Callable[[], str],
        may: Callable[[], bool],
        act: Callable[[], None],
    ) -> None:
        self._dialog, self._clock, self._say, self._said, self._may, self._act = dialog, clock, say, said, may, act
        self._focused_at = clock.mono()
        self._waiting: Timer | None = None
        self.repeat_seconds = REPEAT_SECONDS

    def say_briefly(self, sentence: str, then: str) -> None:
        """Show a sentence about this moment, and ``then`` in its place once it is over."""
        self._say(sentence)
        self._dialog.set_timer(REPEAT_SECONDS, partial(self._replace, sentence, then))

    def _replace(self, sentence: str, then: str) -> None:
        if self._said() == sentence:
            self._say(then)

    def note_focus(self) -> None:
        """Note that the focus moved: an Enter right after that, or one still waiting to count, is dropped."""
        self._focused_at = self._clock.mono()
        self._forget()

    def is_held(self) -> bool:
        """Return True if this Enter may be the previous one, held down."""
        return self._dialog.optimus.is_held(self.repeat_seconds)

    def press(self) -> None:
        """Count this Enter now or after a moment, or say why it does not count."""
        since_focus = self._clock.mono() - self._focused_at
        if self._waiting is not None or min(since_focus, self._dialog.optimus.quiet_before_key) < QUIET_SECONDS:
            self._forget()
            self.say_briefly(
                "too soon: wait a second, then press enter once", "nothing was carried out: press enter once"
            )
        elif self.is_held():
            self.say_briefly("one moment: carried out unless enter is held down", "")
            self._waiting = self._dialog.set_timer(HELD_SECONDS, self._confirm)
        else:
            self._act()

    def _confirm(self) -> None:
        """Carry out by an Enter that nothing followed, if plan and focus are still what they were."""
        self._forget()
        if self._may() and self._dialog.focused is self._dialog.query_one("#go"):
            self._act()

    def _forget(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
