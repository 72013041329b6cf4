"""How fast a sweep may walk: from the measured time of its calls to keys a call and pauses between calls. Pure."""

MAX_BUSY_SHARE = 0.15
"""Ceiling for the share of the server's time that a sweep may take."""

SLOW_CALL_MS = 2.0
MIN_COUNT = 50
MAX_PAUSE_MS = 250.0
_SMOOTH = 0.2


class Gait:
    """``count`` keys a call and ``pause_seconds`` after it, from each call's time; ``ping_ms`` of that is the way."""

    def __init__(self, count: int, pause_ms: float) -> None:
        self.count = self._most = count
        self.pause_seconds = pause_ms / 1000
        self.ping_ms = 0.0
        self._least_pause_ms = pause_ms
        self._work_ms: float | None = None

    def took(self, call_ms: float) -> None:
        """Adapt to one more call that took ``call_ms``."""
        work = max(0.0, call_ms - self.ping_ms)
        self._work_ms = work if self._work_ms is None else self._work_ms + _SMOOTH * (work - self._work_ms)
        if self._work_ms > SLOW_CALL_MS:
            self.count = max(min(MIN_COUNT, self._most), self.count // 2)
        elif self._work_ms < SLOW_CALL_MS / 2 and self.count < self._most:
            self.count = min(self._most, self.count + max(10, self.count // 4))
        due = self._work_ms * (1 / MAX_BUSY_SHARE - 1)
        self.pause_seconds = min(MAX_PAUSE_MS, max(self._least_pause_ms, due)) / 1000
