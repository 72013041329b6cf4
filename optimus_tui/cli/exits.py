"""Exit codes, which never change because scripts rely on them (table in the README), and the end by a signal."""

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

HEALTHY = 0
FOUND_SOMETHING = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
CRASHED = 70
"""A bug in this program."""
INTERRUPTED = 130
TERMINATED = 143


_arrived = False


def code_of(found: object) -> int:
    """Return FOUND_SOMETHING if something was found, else HEALTHY."""
    if found:
        return FOUND_SOMETHING
    return HEALTHY


def heed_signals() -> None:
    """Let SIGTERM end the program as ctrl+c does, unless SIGTERM is set to be ignored; either ends it in one line.

    Verbs that handle signals themselves (the screen, ``record``, ``demo``) keep their own handlers.
    """
    sys.unraisablehook = _tell_unraisable
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def interrupted() -> tuple[str, int]:
    """Return the word and the exit code for an interruption."""
    if _arrived:
        return ("terminated", TERMINATED)
    return ("interrupted", INTERRUPTED)


def _tell_unraisable(unraisable: "UnraisableHookArgs") -> None:
    """Tell what Python could not raise, but not that an event loop was interrupted while it was being built.

    Such a loop lacks what its own ``__del__`` reads: that traceback would follow the line of the interruption.
    """
    if getattr(unraisable.object, "__qualname__", "") != "BaseEventLoop.__del__":
        sys.__unraisablehook__(unraisable)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _arrived
    _arrived = True
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a script's background: it would end nothing
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
