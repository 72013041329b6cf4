"""Looks with one start time, or with none now and then: one process' figures, or none."""

import pytest

from optimus_tui.grammar.info import Sample
from optimus_tui.history.samples.process_lives import ProcessReading, compare_marks
from optimus_tui.history.samples.processes import LEAPT, SEVERAL, Growth, grow
from optimus_tui.probes.http.metrics import MAX_MARKS, mark_names, marks_of

NOW = 1_795_000_000.0
OK, BAD = "http_requests_total|status=200", "http_requests_total|status=500"
STARTED = NOW - 3600


def looks(count: int = 30, told: bool = True, **more: bool) -> list[ProcessReading]:
    process = STARTED if told else None
    return [ProcessReading(NOW + 10.0 * number, process, told, process, **more) for number in range(count)]


def steady(marks: list[ProcessReading], rate: float, leap: float = 0.0, at: int = 15) -> list[tuple[float, float]]:
    """A counter with a leap at one look."""
    return [(one.at, 1000 + rate * (one.at - NOW) + leap * (number >= at)) for number, one in enumerate(marks)]


def total(growth: Growth) -> float:
    return sum(one.increase for one in growth.series)


def test_a_leap_of_everything_that_moves_gives_no_rate_although_the_start_time_stays() -> None:
    marks = looks()
    found = grow(marks, {OK: steady(marks, 9, 20_000), BAD: steady(marks, 0, 1_500)}, NOW)
    assert found.several == LEAPT and not found.series


def test_a_leap_is_a_burst_where_creation_times_prove_one_process() -> None:
    marks = [one._replace(same=True) for one in looks()]
    found = grow(marks, {OK: steady(marks, 9, 20_000)}, NOW)
    assert not found.several
    assert total(found) == pytest.approx(9 * 290 + 20_000)


@pytest.mark.parametrize("leap", [300, 500])
def test_a_start_time_is_believed_where_a_short_burst_explains_the_leap(leap: float) -> None:
    marks = looks()
    assert total(grow(marks, {OK: steady(marks, 9, leap)}, NOW)) == pytest.approx(9 * 290 + leap)


def test_a_burst_each_minute_is_traffic() -> None:
    marks = looks()
    samples = [(one.at, 9 * (one.at - NOW) + 1_500 * (number // 6)) for number, one in enumerate(marks)]
    assert not grow(marks, {OK: samples}, NOW).several


def test_a_series_that_appears_with_all_that_another_process_counted_gives_no_rate() -> None:
    marks = looks()
    late = [(one.at, 40_000 + 9 * (one.at - NOW)) for one in marks[15:]]
    assert grow(marks, {OK: steady(marks, 9), BAD: late}, NOW).several == LEAPT
    small = [(one.at, 9.0) for one in marks[15:]]
    assert total(grow(marks, {OK: steady(marks, 9), BAD: small}, NOW)) == pytest.approx(9 * 290 + 9)


def test_another_creation_time_is_another_process_although_no_counter_fell() -> None:
    marks = looks()
    marks[15] = marks[15]._replace(other=True)
    assert grow(marks, {OK: steady(marks, 9, 30)}, NOW).several == SEVERAL
    untold = looks(told=False)
    untold[15] = untold[15]._replace(other=True)
    assert grow(untold, {OK: steady(untold, 9, 30)}, NOW).several == SEVERAL, "too much for a process that just began"


def test_looks_without_a_start_that_fit_a_process_are_no_second_one() -> None:
    marks = [
        one if number % 2 else one._replace(process=None, known=False, started=None)
        for number, one in enumerate(looks())
    ]
    found = grow(marks, {OK: steady(marks, 20)}, NOW)
    assert total(found) / found.seconds == pytest.approx(20, rel=0.1)
    assert found.lower_bound and found.processes == 1


def test_a_worker_that_tells_no_start_counts_beside_the_one_that_does() -> None:
    marks = [
        one if number % 2 else one._replace(process=None, known=False, started=None)
        for number, one in enumerate(looks())
    ]
    samples = [(one.at, (5_000 if one.known else 90) + 10 * (one.at - NOW)) for one in marks]
    found = grow(marks, {OK: samples}, NOW)
    assert total(found) / found.seconds == pytest.approx(20, rel=0.05)
    assert found.processes == 2


CREATED, PLAIN, CPU = "http_requests_created|status=200", "cache_hits_created", "process_cpu_seconds_total"


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ({CREATED: 5.0}, {CREATED: 5.0}, "same"),
        ({CREATED: 5.0}, {CREATED: 5.1}, "other"),
        ({CREATED: 5.0}, {}, "unknown"),
        ({PLAIN: 5.0}, {PLAIN: 5.0}, "unknown"),  # created before the workers were forked
        ({PLAIN: 5.0}, {PLAIN: 6.0}, "other"),
        ({CPU: 5.0}, {CPU: 9.0}, "unknown"),
        ({CPU: 5.0}, {CPU: 4.99}, "unknown"),
        ({CPU: 5.0, CREATED: 5.0}, {CPU: 4.0, CREATED: 5.0}, "other"),
        ({}, {CREATED: 5.0}, "unknown"),
    ],
)
def test_marks_prove_one_process_another_or_nothing(
    before: dict[str, float], now: dict[str, float], verdict: str
) -> None:
    assert compare_marks(before, now) == verdict


def test_marks_are_read_under_the_names_that_the_gateway_publishes_and_are_bounded() -> None:
    names = mark_names({"http_requests_total": "app_hits_total"})
    assert {"app_hits_created", CPU, "http_request_duration_seconds_created"} <= names
    samples = [Sample("app_hits_created", {"status": str(number)}, 1.0) for number in range(1000)]
    assert len(marks_of([Sample("x", {}, 1.0), *samples], names)) == MAX_MARKS
