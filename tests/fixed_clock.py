"""A clock that tests move by hand."""

from optimus_tui.clock import Clock


class FixedClock(Clock):
    """A clock that moves only when ``advance`` is called."""

    def __init__(self, wall: float = 1_795_000_000.0, mono: float = 1000.0) -> None:
        self._wall, self._mono = wall, mono

    def wall(self) -> float:
        """Return the fixed wall-clock seconds."""
        return self._wall

    def mono(self) -> float:
        """Return the fixed monotonic seconds."""
        return self._mono

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by ``seconds``."""
        self._wall += seconds
        self._mono += seconds
