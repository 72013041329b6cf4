"""The golden signals of the last ten minutes, as the loop over ``/metrics`` saw them."""

from msgspec.structs import replace

from optimus_tui.contract.signals import SIGNALS, GoldenSignals, Signal, Signals
from optimus_tui.history.samples.store import Ring

ALL = ""
"""What stands for all tenants together."""
WORST_SHOWN: tuple[Signal, ...] = ("failing", "p95")
"""Signals of which a point of the chart shows the largest value, not the mean."""


class SignalTrack:
    """Remembers the golden signals of the whole gateway, and of the tenants in the newest reading."""

    def __init__(self) -> None:
        self._rings: dict[str, dict[Signal, Ring]] = {}

    def follow(self, signals: GoldenSignals, wall: float, mono: float) -> GoldenSignals:
        """Add a reading, and return it with its time and the last ten minutes of each signal."""
        keep = {ALL, *signals.tenants}
        if signals.tenants:
            self._rings = {name: rings for name, rings in self._rings.items() if name in keep}
        total = self._followed(ALL, signals.total, mono)
        tenants = {name: self._followed(name, one, mono) for name, one in signals.tenants.items()}
        return replace(signals, total=total, tenants=tenants, taken_at=wall, taken_mono=mono)

    def _followed(self, name: str, signals: Signals, mono: float) -> Signals:
        rings = self._rings.setdefault(name, {})
        trends: dict[Signal, tuple[float, ...]] = {}
        for signal in SIGNALS:
            ring = rings.setdefault(signal, Ring(combine="max" if signal in WORST_SHOWN else "mean"))
            value = signals.value(signal)
            if value is not None:
                ring.put(mono, value)
            trends[signal] = ring.series(mono).values
        return replace(signals, trends=trends)
