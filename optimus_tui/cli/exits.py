"""Exit codes (scripts rely on them.

Their meanings do not change; the README has the table), and SIGTERM as an end in order.
"""

import signal
from types import FrameType

HEALTHY = 0
FOUND_SOMETHING = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
CRASHED = 70
"""A bug of ours."""
INTERRUPTED = 130
TERMINATED = 143


_arrived = False


def heed_sigterm() -> None:
    """Let SIGTERM interrupt the program from now on, unless it is set to be ignored."""
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
    signal.raise_signal(signal.SIGINT)
