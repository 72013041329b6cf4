"""Our own load: counted, and told as a rate over the last five seconds."""

import threading

import pytest

from optimus_tui.probes.load_meter import LoadMeter, lookups_of
from tests.fixed_clock import FixedClock


def test_the_rate_covers_the_last_five_seconds_and_fades() -> None:
    clock = FixedClock()
    own = LoadMeter(clock)
    for _ in range(10):
        own.note(trips=1, commands=5)
        clock.advance(1)
    assert own.rate() == pytest.approx(5, abs=1)
    clock.advance(6)
    assert own.rate() == 0.0
    assert (own.trips, own.commands) == (10, 50)


def test_many_threads_lose_no_count() -> None:
    own = LoadMeter(FixedClock())

    def work() -> None:
        for _ in range(2000):
            own.note(commands=1, hits=2, misses=3)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (own.commands, own.hits, own.misses) == (8000, 16_000, 24_000)
    assert own.rate() == pytest.approx(1600)


def test_a_reply_of_any_shape_is_counted_without_an_error() -> None:
    for command in ("GET", b"MGET", "EXISTS", "OBJECT ENCODING", None, 7, "SCAN", b"\xff"):
        for reply in (None, 0, 1, b"", b"none", [], [None, b"x"], ValueError("no"), object()):
            hits, misses = lookups_of(command, reply)
            assert hits >= 0
            assert misses >= 0
