"""Exit codes, which never change because scripts rely on them (table in the README), and the end by SIGTERM."""

import signal
from types import FrameType

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


def heed_sigterm() -> None:
    """Let SIGTERM end the program as ctrl+c does, unless SIGTERM is set to be ignored.

    Verbs that handle signals themselves (the screen, ``record``, ``demo``) keep their own handlers.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def interrupted() -> tuple[str, int]:
    """Return the word and the exit code for an interruption."""
    if _arrived:
        return ("terminated", TERMINATED)
    return ("interrupted", INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _arrived
    _arrived = True
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a script's background: it would end nothing
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)
