"""The cold start of a process is left out of histograms, and of nothing else."""

import pytest

from optimus_tui.contract.services import warm_from
from optimus_tui.history.samples.cold_start import warmed
from optimus_tui.history.samples.process_lives import ProcessReading
from optimus_tui.history.samples.processes import grow

START = 1_000.0
SLOW, ALL = "d_bucket|le=1", "d_bucket|le=+Inf"


def looks(*times: float, process: float = 1.0, started: float = START) -> list[ProcessReading]:
    return [ProcessReading(at, process, True, started) for at in times]


def test_growth_begins_at_the_first_reading_after_the_cold_start() -> None:
    marks = looks(1_001.0, 1_015.0, 1_025.0, 1_035.0, 1_045.0, 1_055.0)
    samples = {ALL: [(1_001.0, 40.0), (1_025.0, 80.0), (1_045.0, 90.0), (1_055.0, 95.0)]}
    assert sum(one.increase for one in grow(marks, samples, 900.0).series) == 95
    warm = grow(marks, samples, 900.0, warm=True)
    assert [one.increase for one in warm.series] == [15.0], "80 was kept before: it holds at 1,035"
    assert warm.seconds == 20.0


def test_a_start_that_took_long_is_cold_from_its_first_answer_on() -> None:
    marks = looks(1_040.0, 1_050.0, 1_065.0, 1_075.0)
    warm = grow(marks, {ALL: [(1_040.0, 4.0), (1_050.0, 80.0), (1_075.0, 90.0)]}, 900.0, warm=True)
    assert (warm.series, warm.seconds) == ((), 0.0), "only the last reading is warm"
    assert warm_from(1_000.0, 1_040.0) == 1_070.0 and warm_from(1_000.0, 1_090.0) == 1_030.0


def test_a_process_that_is_still_cold_covers_nothing() -> None:
    marks = looks(1_005.0, 1_015.0, 1_025.0)
    warm = grow(marks, {ALL: [(1_005.0, 4.0), (1_025.0, 80.0)]}, 900.0, warm=True)
    assert (warm.series, warm.seconds) == ((), 0.0)


def test_a_process_first_read_long_after_its_start_does_not_grow_from_zero() -> None:
    marks = looks(1_100.0, 1_110.0, 1_120.0)
    warm = grow(marks, {ALL: [(1_100.0, 500.0), (1_120.0, 520.0)]}, 900.0, warm=True)
    assert [one.increase for one in warm.series] == [20.0]


def test_other_processes_keep_their_growth_and_restarts_are_counted() -> None:
    old = looks(*(996.0 + 10 * n for n in range(8)), process=7.0, started=100.0)
    new = looks(*(1_005.0 + 10 * n for n in range(7)))
    marks = sorted([*old, *new])
    samples = {ALL: [(one.at, 10.0 * (1 + n)) for n, one in enumerate(old)], SLOW: [(1_005.0, 50.0), (1_065.0, 60.0)]}
    cold, warm = grow(marks, samples, 990.0), grow(marks, samples, 990.0, warm=True)
    assert (cold.restarts, warm.restarts) == (1, 1)
    grown = {one.labels["le"]: one.increase for one in warm.series}
    assert grown["+Inf"] == 70
    assert grown["1"] == pytest.approx(10 * 70 / 30), "10 in its 30 s, taken for the 70 s in which both were read"


def test_readings_without_a_start_are_all_kept() -> None:
    marks = [ProcessReading(1.0, 1.0, True), ProcessReading(2.0, 1.0, True)]
    assert warmed(marks, {ALL: [(1.0, 2.0)]}) == (marks, {ALL: [(1.0, 2.0)]})
