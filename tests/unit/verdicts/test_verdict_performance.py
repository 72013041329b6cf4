"""Figures of traffic: shares of nothing are no zero, failures are never fast, tenants are literal text."""

from random import Random

import pytest
from msgspec.structs import replace

from optimus_tui.contract.findings import Severity
from optimus_tui.contract.percentiles import percentile
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import Counted, Increase, MetricsState
from optimus_tui.settings.model import Thresholds
from optimus_tui.tools.figures.metric_windows import live_increase
from optimus_tui.verdicts.gateway.failures import find_errors
from optimus_tui.verdicts.gateway.performance import assess, error_rate, grade, of_tenant, throughput, trend
from optimus_tui.verdicts.statistics import figures, interval

BARS = Thresholds()


def grown(*rows: tuple[str, str, float], minutes: float = 1.0) -> Increase:
    series = tuple(
        Counted(labels={"tenant": tenant, "status": status, "route": "/a", "method": "GET"}, increase=count)
        for tenant, status, count in rows
    )
    return Increase(name="http_requests_total", series=series, covered_minutes=minutes, source="history")


def look(values: dict[str, float], mono: float, **more: object) -> Reading[MetricsState]:
    state = MetricsState(values=values, **more)  # type: ignore[arg-type]
    return Reading(value=state, taken_at=0.0, taken_mono=mono)


@pytest.mark.parametrize(
    ("ms", "word"),
    [(99.9, "excellent"), (100, "good"), (499.9, "good"), (500, "acceptable"), (999.9, "acceptable"), (1000, "poor")],
)
def test_grades_change_at_the_documents_bounds(ms: float, word: str) -> None:
    assert grade(ms, BARS) == word


def test_a_service_that_fails_is_never_called_fast() -> None:
    assert assess(3.0, [(5, 0), (5, 0)], BARS) == "excellent"
    assert assess(3.0, [(5, 1), (5, 0)], BARS) == "acceptable"
    assert assess(3.0, [(1, 1), (5, 0)], BARS) == "poor"
    assert assess(None, [(1, 1), (1, 1)], BARS) == "unknown"


@pytest.mark.parametrize(
    ("severities", "word"),
    [((), "excellent"), (("low",), "good"), (("low", "medium"), "acceptable"), (("medium", "high"), "poor")],
)
def test_the_assessment_is_never_better_than_the_worst_finding(severities: tuple[Severity, ...], word: str) -> None:
    findings = [replace(find_errors(share(1, 10), "gateway", BARS)[0], severity=one) for one in severities]
    assert assess(3.0, [(5, 0)], BARS, findings) == word
    assert assess(1200.0, [(5, 0)], BARS, findings) == "poor"


def test_percentiles_are_values_that_were_measured() -> None:
    of = figures([5, 1, 4, 2, 3, float("nan"), float("inf")])
    assert (of.samples, of.lowest, of.highest, of.average, of.p50, of.p95, of.p99) == (5, 1, 5, 3, 3, None, None)
    assert figures([]).p95 is None and figures(range(20)).p95 == 18
    assert percentile(list(range(1, 101)), 0.95) == 95


def test_a_tenant_filter_is_literal_text() -> None:
    all_of = grown(("acme", "200", 5), ("*", "200", 3), ("acm", "200", 2))
    assert throughput(of_tenant(all_of, "*"))["requests"] == 3
    assert throughput(of_tenant(all_of, "acme"))["requests"] == 5
    assert throughput(of_tenant(all_of, None))["requests"] == 10
    assert throughput(of_tenant(all_of, "a*"))["requests"] == 0


def test_throughput_names_routes_and_tenants_with_their_share() -> None:
    seen = throughput(grown(("acme", "200", 90), ("\x1b[31m", "500", 30), ("quiet", "200", 0), minutes=2))
    assert seen["requests_per_second"] == 1.0
    assert seen["by_tenant"][0] == {"tenant": "acme", "requests": 90, "requests_per_second": 0.75, "share": 0.75}
    assert [row["tenant"] for row in seen["by_tenant"]] == ["acme", "\\x1b[31m"]


def test_errors_are_the_servers_refusals_and_mistakes_are_the_callers() -> None:
    seen = error_rate(grown(("a", "200", 90), ("a", "503", 5), ("b", "429", 3), ("b", "404", 2)))
    assert (seen["error_rate"], seen["refused_rate"], seen["client_error_rate"]) == (0.05, 0.03, 0.02)
    assert seen["by_tenant"][0]["tenant"] == "a" and seen["by_status"] == {"503": 5, "429": 3, "404": 2}


def test_no_requests_have_no_error_rate() -> None:
    assert error_rate(grown())["error_rate"] is None
    assert find_errors(grown(), "gateway", BARS) == []


def share(failed: int, of: int, minutes: float = 1.0) -> Increase:
    return grown(("a", "500", failed), ("a", "200", of - failed), minutes=minutes)


@pytest.mark.parametrize(
    ("failed", "of", "severity"),
    [
        (6, 524, "low"),
        (2, 100, "low"),
        (12, 600, "medium"),
        (3, 100, "medium"),
        (5, 100, "high"),
        (20, 20, "high"),
        (3, 10, "high"),
        (19, 19, "high"),
        (1, 20, "low"),
        (1, 10, "low"),
        (2, 3, "low"),
    ],
)
def test_a_share_of_failures_is_a_finding_only_beyond_chance(failed: int, of: int, severity: str) -> None:
    (finding,) = find_errors(share(failed, of), "gateway", BARS)
    assert (finding.severity, finding.samples, finding.window_seconds) == (severity, of, 60.0)
    assert ("too few failed to be sure" in finding.message) == (severity == "low")


def test_a_share_below_the_bar_is_no_finding_at_all() -> None:
    assert find_errors(share(0, 20), "gateway", BARS) == find_errors(share(5, 524), "gateway", BARS) == []


@pytest.mark.parametrize(
    ("lately", "severity"),
    [
        ((0, 20), "low"),
        ((1, 150), "low"),
        ((2, 100), "high"),
        ((0, 19), "high"),
    ],
)
def test_a_share_that_was_too_high_is_past_only_where_the_last_requests_surely_are_better(
    lately: tuple[int, int], severity: str
) -> None:
    (finding,) = find_errors(share(300, 1000, 30.0), "gateway", BARS, share(*lately))
    assert finding.severity == severity


@pytest.mark.parametrize(
    ("near", "minute", "severity"),
    [
        ((0, 60), (300, 600), "low"),
        ((3, 60), (300, 600), "high"),  # it goes on
        ((3, 60), (3, 6_000), "high"),  # it comes back: the longer span does not excuse it
        ((0, 3), (300, 600), "high"),  # too few to say
        ((0, 3), (0, 600), "low"),
    ],
)
def test_the_last_half_minute_decides_where_enough_came(
    near: tuple[int, int], minute: tuple[int, int], severity: str
) -> None:
    spans = share(*near, minutes=0.4), share(*minute, minutes=1.5)
    (finding,) = find_errors(share(300, 1000, 5.0), "gateway", BARS, *spans)
    assert finding.severity == severity
    assert ("(24 s)" in finding.message) == (severity == "low" and near[1] > 3)


def test_a_route_that_failed_is_good_again_by_its_own_newest_requests() -> None:
    def of(failed: int, good: int, minutes: float) -> Increase:
        series = [("/a", "500", failed), ("/a", "200", good), ("/b", "200", 5_000 * minutes)]
        counted = tuple(Counted(labels={"route": r, "status": s}, increase=n) for r, s, n in series)
        return Increase(name="http_requests_total", series=counted, covered_minutes=minutes, source="history")

    window, minute = of(20, 40, 5.0), of(15, 10, 1.5)
    (goes_on,) = find_errors(window, "gateway", BARS, of(4, 16, 0.4), minute)
    (over,) = find_errors(window, "gateway", BARS, of(0, 30, 0.4), minute)
    assert (goes_on.severity, goes_on.subject) == ("high", "route /a")
    assert (over.severity, over.message.endswith("0 % of the last 30 requests (24 s)")) == ("low", True)


def test_a_few_good_requests_are_no_proof_that_a_small_share_of_failures_is_over() -> None:
    (finding,) = find_errors(share(400, 20_000, 30.0), "gateway", BARS, share(0, 40))
    assert (finding.severity, finding.samples) == ("medium", 20_000)
    (finding,) = find_errors(share(400, 20_000, 30.0), "gateway", BARS, share(0, 400))
    assert finding.severity == "low" and finding.message.endswith("0 % of the last 400 requests (1 min)")


def test_what_fails_lately_counts_beyond_chance_and_one_failure_is_no_burst() -> None:
    assert find_errors(share(5, 10_000, 30.0), "gateway", BARS, share(1, 20)) == []
    (finding,) = find_errors(share(50, 10_000, 30.0), "gateway", BARS, share(10, 40))
    assert (finding.severity, finding.samples) == ("high", 40)


def test_an_interval_holds_the_true_share_about_as_often_as_it_says() -> None:
    random = Random(7)
    for true, of in ((0.01, 500), (0.3, 10), (0.7, 60)):
        inside = 0
        for _ in range(400):
            lower, upper = interval(sum(random.random() < true for _ in range(of)), of)
            inside += lower <= true <= upper
        assert inside >= 0.88 * 400
    assert interval(6, 524) == pytest.approx((0.00526, 0.02475), abs=1e-5)
    assert interval(0, 0) == (0.0, 1.0)


def test_a_series_that_is_new_between_two_looks_counts_from_zero() -> None:
    before = look({"c|tenant=a": 1.0, "c|tenant=b": 5.0}, 10.0)
    after = look({"c|tenant=a": 7.0, "c|tenant=b": 9.0, "c|tenant=c": 2.0, "d": 50.0}, 11.0)
    seen = live_increase("c", [before, after], {})
    assert {one.labels["tenant"]: one.increase for one in seen.series} == {"a": 6.0, "b": 4.0, "c": 2.0}
    assert seen.covered_minutes == pytest.approx(1 / 60) and seen.source == "live"


def test_a_counter_that_falls_between_looks_of_seconds_is_several_processes_and_no_rate_row_91() -> None:
    looks = [look({"c|tenant=a": value}, 10.0 + at) for at, value in enumerate((100.0, 7.0, 101.0))]
    seen = live_increase("c", looks, {})
    assert seen.several and seen.covered_minutes == 0 and seen.series == ()
    assert seen.fault is not None and seen.fault.message.startswith("several processes answer here")


def test_a_counter_that_jumps_between_looks_of_seconds_is_no_rate_either() -> None:
    looks = [look({"c": value}, 10.0 + at / 2) for at, value in enumerate((100.0, 108.0, 9100.0, 9108.0))]
    assert live_increase("c", looks, {}).several


def test_two_processes_in_turn_have_the_sum_of_their_rates_and_one_seen_once_makes_it_a_lower_bound() -> None:
    pages = [(process, start + 5 * n) for n in range(5) for process, start in ((1.0, 100.0), (2.0, 9000.0))]
    looks = [look({"c": value}, 10.0 + at, process=one) for at, (one, value) in enumerate(pages)]
    seen = live_increase("c", looks, {})
    assert seen.total / (seen.covered_minutes * 60) == pytest.approx(5 / 2 + 5 / 2)
    assert (seen.processes, seen.lower_bound) == (2, False)
    third = live_increase("c", [*looks, look({"c": 5.0}, 20.0, process=3.0)], {})
    assert (third.processes, third.lower_bound) == (3, True)


def test_series_that_a_full_page_left_out_are_not_called_new() -> None:
    seen = live_increase("c", [look({}, 0.0, left_out=5), look({"c|tenant=a": 1000.0}, 1.0)], {})
    assert seen.total == 0


def test_a_counter_nobody_publishes_covers_nothing_and_says_why() -> None:
    seen = live_increase("c", [look({"x": 1.0}, 0.0), look({"x": 1.0}, 1.0)], {})
    assert seen.covered_minutes == 0 and seen.fault is not None
    none = Reading[MetricsState](value=MetricsState(published=False), taken_at=0.0, taken_mono=0.0)
    missing = live_increase("c", [none, none], {})
    assert missing.fault is not None and "404" in missing.fault.message


def test_a_trend_needs_six_samples() -> None:
    assert trend([(0.0, 1.0)] * 5) is None
    rising = trend([(float(n), float(n)) for n in range(9)])
    assert rising is not None and rising["direction"] == "rising"
    steady = trend([(float(n), 0.85) for n in range(9)])
    assert steady is not None and steady["direction"] == "steady"
