"""When a limit will be reached: held to the figures of the bench, with fixed seeds."""

import pytest
from msgspec.structs import replace

from optimus_tui.contract.limits import Counter, Track
from optimus_tui.verdicts.forecast import Pace, forecast
from tests.bench.bench_forecast import (
    KEY,
    WINDOW,
    bursty,
    ebbing,
    looks_of_pane,
    looks_of_tool,
    measure,
    quickening,
    slowing,
    steady,
)

ONE = Counter(key=KEY, tenant=b"acme", operation=b"chat", count=60, ttl_ms=40_000, taken_mono=1000.0)


@pytest.mark.parametrize("looks", [looks_of_pane, looks_of_tool])
def test_slowing_traffic_is_falsely_foretold_in_at_most_five_of_a_hundred_looks(looks: object) -> None:
    told = measure(slowing, 150, 7, looks)
    assert told.false <= 0.05
    assert told.foretold >= 0.7
    assert measure(ebbing, 150, 7, looks).false <= 0.08


@pytest.mark.parametrize(("looks", "least"), [(looks_of_pane, 0.75), (looks_of_tool, 0.5)])
def test_quickening_traffic_is_no_longer_silent(looks: object, least: float) -> None:
    told = measure(quickening, 150, 7, looks)
    assert told.false <= 0.02
    assert told.foretold >= least


def test_one_burst_between_two_looks_is_no_trend() -> None:
    quiet = Counter(key=KEY, tenant=b"acme", operation=b"chat", count=52, ttl_ms=36_000, taken_mono=1000.0)
    burst = Track(((998.0, 40), (999.0, 40), (1000.0, 52)))
    assert forecast(quiet, burst, 150, WINDOW).earliest is None
    lasting = Track(((998.0, 40), (999.0, 46), (1000.0, 52)))
    assert forecast(quiet, lasting, 150, WINDOW).earliest is not None


@pytest.mark.parametrize("kind", [steady, bursty])
def test_steady_and_bursty_traffic_is_foretold_in_time(kind: object) -> None:
    told = measure(kind, 150, 7, looks_of_pane)  # type: ignore[arg-type]
    assert told.false <= 0.06
    assert told.foretold >= 0.95


def test_one_look_tells_the_mean_pace_of_its_window_and_foretells_nothing() -> None:
    assert forecast(ONE, None, 100, WINDOW) == Pace(3.0, rough=True)


def test_a_window_that_nobody_knows_or_that_the_ttl_exceeds_has_no_begin() -> None:
    assert forecast(ONE, None, 100, None) == Pace()
    assert forecast(replace(ONE, ttl_ms=86_400_000), None, 100, WINDOW) == Pace()
    assert forecast(ONE, Track(((1000.0, 60),), renewed=True), 100, WINDOW) == Pace()
    assert forecast(replace(ONE, sliding=True), None, 100, WINDOW) == Pace()


def test_a_window_of_a_second_is_no_evidence() -> None:
    assert forecast(replace(ONE, count=3, ttl_ms=59_200), None, 100, WINDOW) == Pace()
    young = forecast(replace(ONE, count=3, ttl_ms=57_000), None, 100, WINDOW)
    assert young == Pace(1.0, rough=True)


def test_a_second_between_two_looks_foretells_nothing_without_the_windows_begin() -> None:
    track = Track(((999.0, 50), (1000.0, 60)))
    told = forecast(ONE, track, 100, None)
    assert (told.per_second, told.rough, told.earliest) == (10.0, True, None)


def test_a_counter_that_never_resets_reaches_its_limit_some_time() -> None:
    track = Track(tuple((1000.0 - 2 * n, 60 - 2 * n) for n in range(20, -1, -1)))
    told = forecast(replace(ONE, ttl_ms=None, immortal=True), track, 100, WINDOW)
    assert told.per_second == pytest.approx(1.0)
    assert told.earliest is not None
    assert told.latest is not None
    assert told.earliest < 40 < told.latest


def test_what_is_foretold_comes_before_the_reset_or_not_at_all() -> None:
    track = Track(tuple((1000.0 - 2 * n, 60 - 6 * n) for n in range(10, -1, -1)))
    near = forecast(ONE, track, 100, WINDOW)
    assert near.latest is not None
    assert near.latest < 40
    assert forecast(replace(ONE, ttl_ms=8_000), track, 100, WINDOW).earliest is None
