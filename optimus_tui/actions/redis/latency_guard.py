"""Stop an action that makes the server slow: PING times before each batch against those before the first. Pure.

A slow PING is repeated at once, and the best of three counts, so that a busy moment of this machine does not matter.
One slow figure in a hundred is chance, two are not. Less than 5 ms more than at the start never counts.
"""

from collections import deque

WINDOW = 100
ROOM_MS = 5.0
MOST_MS = 20.0
TRIES = 3


class LatencyGuard:
    """Judges PING times of one action. ``before``: PING times in ms before the first batch."""

    def __init__(self, before: list[float]) -> None:
        self._usual = sorted(before)[len(before) // 2] if before else 0.0
        self._before = p99(before)
        self._times: deque[float] = deque(before, maxlen=WINDOW)

    @property
    def limit_ms(self) -> float:
        """Milliseconds above which a PING is slow.

        Twice the slowest time before the first batch, but at least 5 ms and at most 20 ms more than the usual time.
        """
        return min(self._usual + MOST_MS, max(self._usual + ROOM_MS, 2 * self._before))

    def is_slow(self, ms: float) -> bool:
        """Return True if the time should be measured again."""
        return ms > self.limit_ms

    def took(self, ms: float) -> str | None:
        """Add one PING time in ms. Return why to stop, or None."""
        self._times.append(ms)
        now = p99(list(self._times))
        if not self.is_slow(now):
            return None
        return (
            f"the server is slow: PING takes {now:.1f} ms, above the limit of {self.limit_ms:.1f} ms; "
            f"before the action it took {self._usual:.1f} ms"
        )


def p99(times: list[float]) -> float:
    """Return the 99th percentile in ms; from 20 values on, the largest is left out."""
    if not times:
        return 0.0
    ordered = sorted(times)
    if len(ordered) < 20:
        return ordered[-1]
    return ordered[-2]
