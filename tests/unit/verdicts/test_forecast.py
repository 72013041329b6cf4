"""When a limit will be reached: held to the figures of the bench, with fixed seeds."""

import math
from itertools import pairwise

import pytest
from msgspec.structs import replace

from optimus_tui.contract.keyspace import Counter, Track
from optimus_tui.verdicts.limits.forecast import Pace, forecast
from tests.bench.bench_forecast import (
    KEY,
    WINDOW,
    bursty,
    ebbing,
    evenly,
    looks_of_pane,
    looks_of_tool,
    looks_of_two,
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


@pytest.mark.parametrize(("looks", "least"), [(looks_of_pane, 0.8), (looks_of_tool, 0.65), (looks_of_two, 0.75)])
def test_traffic_at_even_distances_is_foretold_by_most_late_looks(looks: object, least: float) -> None:
    told = measure(steady, 150, 7, looks, evenly)
    assert told.false <= 0.01
    assert told.late >= least


def _even(rate: float, passed: float, phase: float, looks: int) -> Pace:
    """The forecast for even traffic so many seconds into its window, from looks two seconds apart."""
    samples = tuple(
        (1000.0 + passed - 2 * n, math.floor(rate * (passed - 2 * n) + phase)) for n in range(looks - 1, -1, -1)
    )
    ttl_ms = round((WINDOW - passed) * 1000)
    counter = replace(ONE, count=samples[-1][1], ttl_ms=ttl_ms, taken_mono=1000.0 + passed)
    return forecast(counter, Track(samples), 150, WINDOW)


@pytest.mark.parametrize("looks", [2, 3, 6, 15])
@pytest.mark.parametrize(("rate", "least"), [(2.8, 0.8), (3.0, 1.0), (3.5, 1.0), (4.0, 1.0)])
def test_a_count_that_is_off_by_one_is_no_slowing(rate: float, least: float, looks: int) -> None:
    hit = 150 / rate
    cases = [(hit * share / 100, phase / 10) for share in range(70, 98) for phase in range(10)]
    told = [(passed, _even(rate, passed, phase, looks)) for passed, phase in cases]
    ranges = [(passed, pace.earliest, pace.latest) for passed, pace in told if pace.earliest is not None]
    assert len(ranges) >= least * len(cases)
    for passed, earliest, latest in ranges:
        assert latest is not None
        assert earliest - 0.5 <= hit - passed <= latest + 0.5


def test_a_slowing_by_one_request_is_foretold_as_about_and_one_by_more_is_not() -> None:
    counter = replace(ONE, count=105, ttl_ms=24_900)  # 3/s since the begin, 35 s ago; needs 45 more in 25 s
    by_one = forecast(counter, Track(((998.0, 100), (1000.0, 105))), 150, WINDOW)
    assert by_one.rough
    assert by_one.earliest is not None
    assert by_one.latest is not None
    assert by_one.earliest < 15 < by_one.latest < 24.9
    by_more = forecast(counter, Track(((998.0, 101), (1000.0, 105))), 150, WINDOW)
    assert by_more.earliest is None


def test_a_few_requests_are_no_even_traffic() -> None:
    counter = replace(ONE, count=18, ttl_ms=54_000)  # 3/s, but for six seconds only
    assert forecast(counter, Track(((998.0, 13), (1000.0, 18))), 60, WINDOW).earliest is None


def test_a_count_that_falls_foretells_nothing() -> None:
    assert forecast(ONE, Track(((992.0, 68), (996.0, 64), (1000.0, 60))), 100, WINDOW).earliest is None


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


@pytest.mark.parametrize(("kind", "false", "least"), [(steady, 0.02, 0.95), (bursty, 0.01, 0.95)])
def test_steady_and_bursty_traffic_is_foretold_in_time(kind: object, false: float, least: float) -> None:
    told = measure(kind, 150, 7, looks_of_pane)  # type: ignore[arg-type]
    assert told.false <= false
    assert told.foretold >= least


def _pane(counts: list[int], age: float = 1.0) -> list[Pace]:
    """Return what the pane foretells at each look, two seconds apart, the first ``age`` s into the window."""
    told = list[Pace]()
    for n in range(1, len(counts) + 1):
        samples = tuple((1000.0 + age + 2 * at, count) for at, count in enumerate(counts[:n]))
        now = samples[-1][0]
        ttl_ms = round((WINDOW - (now - 1000.0)) * 1000)
        told.append(
            forecast(replace(ONE, count=counts[n - 1], ttl_ms=ttl_ms, taken_mono=now), Track(samples), 150, WINDOW)
        )
    return told


@pytest.mark.parametrize(
    "counts",
    [
        [2, 5, 8, 10, 36, 38, 40, 42, 45, 48],  # one look brings 26
        [0, 0, 0, 9, 26, 27, 30, 32, 34, 36],  # two do
        [3, 5, 7, 9, 11, 13, 30, 31, 33, 36, 36, 38, 40, 41, 42],
    ],
)
def test_a_burst_of_one_look_or_two_foretells_no_near_refusal(counts: list[int]) -> None:
    assert [pace for pace in _pane(counts) if pace.latest is not None and pace.latest < 20] == []


def test_what_is_foretold_of_steady_and_of_noisy_traffic_does_not_come_and_go() -> None:
    for counts in (
        [3 + 8 * n for n in range(18)],
        [4 * 2 * n + wobble for n, wobble in enumerate([0, 1, -1, 2, 0, -1, 1, 2, -1, 1, 0, 2, -1, 1, -1, 2, 0, 1])],
    ):
        told = [pace.earliest is not None for pace in _pane([max(0, one) for one in counts])]
        assert told[-1]
        assert sum(before != after for before, after in pairwise(told)) == 1


def test_no_forecast_is_nearer_than_the_highest_pace_of_steady_traffic_gives() -> None:
    for n, pace in enumerate(_pane([3 + 8 * n for n in range(18)])):
        if pace.earliest is not None:
            assert pace.earliest >= (150 - (3 + 8 * n)) / (4 * 1.6)


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


def test_traffic_that_has_stopped_foretells_nothing_however_much_came_before() -> None:
    for first, second in ((798.0, 946.0), (760.0, 944.0)):
        track = Track(((first, 43), (second, 278), *((float(at), 278) for at in range(956, 1001, 2))))
        counter = replace(ONE, count=278, ttl_ms=358_000)
        assert forecast(counter, track, 300, 600).earliest is None
