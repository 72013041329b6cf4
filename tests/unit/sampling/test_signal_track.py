"""The trends of the golden signals: as they were seen, without points for what was unknown."""

from optimus_tui.contract.signals import GoldenSignals, Signals
from optimus_tui.sampling.signals import SignalTrack
from optimus_tui.verdicts.gateway.signals import unknown_signals


def read(rate: float, *tenants: str) -> GoldenSignals:
    return GoldenSignals(
        total=Signals(per_second=rate, failing_share=0.0),
        tenants={name: Signals(per_second=rate) for name in tenants},
    )


def test_the_trend_is_what_was_seen_oldest_first_and_carries_its_time() -> None:
    track = SignalTrack()
    for at, rate in enumerate((1.0, 2.0, 3.0)):
        signals = track.follow(read(rate, "acme"), wall=100.0 + at, mono=10.0 * at)
    assert signals.total.trends["requests"] == (1.0, 2.0, 3.0)
    assert signals.total.trends["refused"] == ()
    assert signals.tenants["acme"].trends["requests"] == (1.0, 2.0, 3.0)
    assert (signals.taken_at, signals.taken_mono) == (102.0, 20.0)


def test_an_outage_adds_no_point_and_forgets_nothing() -> None:
    track = SignalTrack()
    track.follow(read(1.0, "acme"), 100.0, 0.0)
    down = track.follow(unknown_signals("connection refused"), 110.0, 10.0)
    assert down.total.trends["requests"] == (1.0,)
    back = track.follow(read(2.0, "acme"), 120.0, 20.0)
    assert back.total.trends["requests"] == back.tenants["acme"].trends["requests"] == (1.0, 2.0)


def test_only_tenants_of_the_newest_reading_are_remembered() -> None:
    track = SignalTrack()
    track.follow(read(1.0, "acme"), 100.0, 0.0)
    track.follow(read(1.0, "beta"), 110.0, 10.0)
    assert track.follow(read(2.0, "acme"), 120.0, 20.0).tenants["acme"].trends["requests"] == (2.0,)


def test_what_is_older_than_ten_minutes_leaves() -> None:
    track = SignalTrack()
    track.follow(read(1.0), 0.0, 0.0)
    assert track.follow(read(2.0), 700.0, 700.0).total.trends["requests"] == (2.0,)
