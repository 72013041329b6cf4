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


class LatencyGuard:
    """``before`` are PING times in ms of the quiet server."""

    def __init__(self, before: list[float]) -> None:
        self._usual = sorted(before)[len(before) // 2] if before else 0.0
        self._before = p99(before)
        self._times: deque[float] = deque(before, maxlen=WINDOW)

    @property
    def limit_ms(self) -> float:
        """Above it a PING is slow: 20 ms more than usual, or, where twice the slowest quiet one is less, that (at least
        5 ms more than usual)."""
        return min(self._usual + MOST_MS, max(self._usual + ROOM_MS, 2 * self._before))

    def is_slow(self, ms: float) -> bool:
        """Whether such a time is to be asked about again."""
        return ms > self.limit_ms

    def took(self, ms: float) -> str | None:
        """Note one more figure; why to stop, when it is time to."""
        self._times.append(ms)
        now = p99(list(self._times))
        if not self.is_slow(now):
            return None
        return (
            f"the server suffers: its PING takes {now:.1f} ms now, more than the {self.limit_ms:.1f} ms that are "
            f"let through; while it was quiet it took {self._usual:.1f} ms"
        )


def p99(times: list[float]) -> float:
    """The time that all but one in a hundred stay below; the single worst is left out from twenty on."""
    if not times:
        return 0.0
    ordered = sorted(times)
    return ordered[-2] if len(ordered) >= 20 else ordered[-1]
