"""Let SIGTERM end a verb as ctrl+c does, in order and at once; the exit code tells which of the two it was.

Verbs that handle signals themselves (the screen, ``record``, ``demo``) keep their own handlers.
"""

import signal
from types import FrameType

from optimus_tui.cli import exits

_arrived = False


def heed_sigterm() -> None:
    """Let SIGTERM interrupt the program from now on, unless it is set to be ignored."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def interrupted() -> tuple[str, int]:
    """Return the word and the exit code for an interruption."""
    if _arrived:
        return ("terminated", exits.TERMINATED)
    return ("interrupted", exits.INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _arrived
    _arrived = True
    signal.raise_signal(signal.SIGINT)
