"""The clock. Only the context hands it out, so that tests can stop it."""

import time

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux: it goes on while the machine sleeps, so that nothing outlives its time in a closed laptop."""


class Clock:
    """Wall-clock seconds for people, monotonic seconds for durations."""

    def wall(self) -> float:
        """Seconds since the epoch (UTC); may jump."""
        return time.time()

    def mono(self) -> float:
        """Seconds that never go back, also of sleep; only differences mean anything."""
        return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


class FixedClock(Clock):
    """A clock that moves only when told to: for tests and rendered pictures."""

    def __init__(self, wall: float = 1_795_000_000.0, mono: float = 1000.0) -> None:
        self._wall, self._mono = wall, mono

    def wall(self) -> float:
        return self._wall

    def mono(self) -> float:
        return self._mono

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._wall += seconds
        self._mono += seconds
