"""The clock of a run. Only the context creates one, so that tests can replace it by a fixed clock."""

import time

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)
"""On Linux the clock that counts on during sleep, so that deadlines also pass while a laptop is closed."""


class Clock:
    """Wall-clock seconds for people, monotonic seconds for durations."""

    def wall(self) -> float:
        """Return seconds since the epoch (UTC). The value may jump when the system's time is set."""
        return time.time()

    def mono(self) -> float:
        """Return monotonic seconds, which count on while the machine sleeps; only differences matter."""
        if _BOOT is None:
            return time.monotonic()
        return time.clock_gettime(_BOOT)
