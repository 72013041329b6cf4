"""Does the server suffer? The time of a PING before each batch, against what it was before the first. Pure.

A slow answer is asked about again at once, and the best of three counts: a busy moment of our own machine is over by
then, a server that suffers is not. One slow figure in a hundred is chance, two are not. It refuses to stop for what
nobody can feel: below 5 ms more than at the start nothing suffers, and a long way to the server is no suffering.
"""

from collections import deque

WINDOW = 100
ROOM_MS = 5.0
MOST_MS = 20.0
TRIES = 3


class Strain:
    """``before`` are PING times in ms of the quiet server."""

    def __init__(self, before: list[float]) -> None:
        self._usual = sorted(before)[len(before) // 2] if before else 0.0
        self._before = p99(before)
        self._times: deque[float] = deque(before, maxlen=WINDOW)

    def is_slow(self, ms: float) -> bool:
        """Whether such a time is to be asked about again."""
        more = ms - self._usual
        return more > MOST_MS or (more > ROOM_MS and ms > 2 * self._before)

    def took(self, ms: float) -> str | None:
        """Note one more figure; why to stop, when it is time to."""
        self._times.append(ms)
        now = p99(list(self._times))
        if not self.is_slow(now):
            return None
        return f"the server suffers: its PING takes {now:.1f} ms, it was {self._before:.1f} ms"


def p99(times: list[float]) -> float:
    """The time that all but one in a hundred stay below; the single worst is left out from twenty on."""
    if not times:
        return 0.0
    ordered = sorted(times)
    return ordered[-2] if len(ordered) >= 20 else ordered[-1]
