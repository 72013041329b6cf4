"""Choose keys per call and pauses of a scan from the measured time of its calls. Pure."""

from collections import deque

AIM_MS = 0.5
"""The server's time that a call should not exceed, because other clients' commands wait for it."""
MAX_BUSY_SHARE = 0.15
"""Ceiling for the share of the server's time that a sweep may take."""

MIN_COUNT = 50
MAX_PAUSE_MS = 250.0
_LATEST = 5


class AdaptivePacer:
    """The pace of a scan: ``count`` keys per call, then ``pause_seconds``.

    Both follow from each call's time without ``ping_ms``, the time of the way. The shortest of the latest calls counts
    as the server's work: our own delays only ever lengthen a call, while a slow server is slow in all of them.
    """

    def __init__(self, count: int, pause_ms: float) -> None:
        self.count = self._most = count
        self.pause_seconds = pause_ms / 1000
        self.ping_ms = 0.0
        self._least_pause_ms = pause_ms
        self._latest: deque[float] = deque(maxlen=_LATEST)

    def took(self, call_ms: float) -> None:
        """Adapt to one more call that took ``call_ms``."""
        self._latest.append(max(0.0, call_ms - self.ping_ms))
        work = min(self._latest)
        if work > AIM_MS * 1.5 and len(self._latest) == _LATEST:
            self._set_count(self.count * 2 // 3)
        elif work < AIM_MS and self.count < self._most:
            self._set_count(self.count + max(5, self.count // 10))
        due = work * (1 / MAX_BUSY_SHARE - 1)
        self.pause_seconds = min(MAX_PAUSE_MS, max(self._least_pause_ms, due)) / 1000

    def _set_count(self, count: int) -> None:
        count = min(self._most, max(min(MIN_COUNT, self._most), count))
        if count < self.count:
            self._latest.clear()  # what larger calls took says nothing about smaller ones
        self.count = count
