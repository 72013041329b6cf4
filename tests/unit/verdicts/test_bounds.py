"""A histogram's percentile is as exact as its bucket: a wide one is a bound, and judged by its lower edge only."""

import math

import pytest

from optimus_tui.contract.services import Counted, Spread
from optimus_tui.history.samples.processes import spread
from optimus_tui.settings.model import Thresholds
from optimus_tui.tools.pages.format_value import cell, in_words, layout
from optimus_tui.tui.alerts.screen import measured
from optimus_tui.tui.dialogs.explain import _facts as explained
from optimus_tui.verdicts.gateway.latency import estimate_ms, judge_half, judge_spread, section, shown_ms
from optimus_tui.wording.layout import is_figure

T = Thresholds()


def histogram(*buckets: tuple[float, float]) -> Spread:
    """From (upper edge, observations up to it); the last edge is infinite."""
    last = buckets[-1][1]
    every = [Counted(labels={"le": "+Inf" if math.isinf(edge) else str(edge)}, increase=seen) for edge, seen in buckets]
    return spread(every, last, last * 0.2)


INSTRUMENTATOR = [(0.1, 50.0), (0.5, 90.0), (1.0, 94.0), (math.inf, 100.0)]


def test_beyond_the_last_edge_it_is_over_that_edge_and_judged_by_it() -> None:
    of = histogram(*INSTRUMENTATOR)
    assert shown_ms(of, "p95") == "over 1 s" and estimate_ms(of, "p95") is None
    (finding,) = judge_spread("route /a", of, T)
    assert finding.message == "route /a p95 is more than 1 s, over the threshold of 1.0 s"
    assert (finding.measured, finding.severity) == (1000.0, "high")


@pytest.mark.parametrize(
    ("buckets", "words", "severity"),
    [
        ([(0.1, 90.0), (10.0, 100.0), (math.inf, 100.0)], "≤ 10 s", None),  # 0.1 to 10 s: it may be 200 ms
        ([(1.0, 90.0), (10.0, 100.0), (math.inf, 100.0)], "≤ 10 s", "high"),
        ([(2.0, 90.0), (10.0, 100.0), (math.inf, 100.0)], "≤ 10 s", "high"),
        ([(0.5, 90.0), (1.0, 100.0), (math.inf, 100.0)], "≈ 750 ms", "medium"),  # certainly over 500, not over 1,000
        ([(0.25, 90.0), (0.5, 100.0), (math.inf, 100.0)], "≈ 375 ms", None),
        ([(0.75, 90.0), (1.1, 100.0), (math.inf, 100.0)], "≈ 925 ms", "medium"),
        ([(0.005, 100.0), (math.inf, 100.0)], "≈ 4.8 ms", None),
    ],
)
def test_what_is_certain_is_judged_and_what_may_be_is_not(
    buckets: list[tuple[float, float]], words: str, severity: str | None
) -> None:
    of = histogram(*buckets)
    assert shown_ms(of, "p95") == words
    assert [one.severity for one in judge_spread("x", of, T)] == ([severity] if severity else [])


def test_a_document_holds_null_beside_the_bound() -> None:
    of = section(histogram(*INSTRUMENTATOR))
    assert of["p95_ms"] is None and of["p95_bound"] == "over 1 s" and of["p50_ms"] == 100.0
    assert "p50_bound" not in of


def test_an_interpolated_percentile_reads_as_an_estimate_wherever_a_finding_is_shown() -> None:
    (finding,) = judge_spread("x", histogram((0.5, 90.0), (1.0, 100.0), (math.inf, 100.0)), T)
    assert finding.message == "x p95 ≈ 750 ms is over 500 ms"
    assert (finding.measured, finding.measured_words) == (750.0, "≈ 750 ms")
    (narrow,) = judge_half("y", histogram((1.0, 3.0), (1.0405, 9.0), (2.0, 10.0), (math.inf, 10.0)), T)
    assert "over 1.0 s (p50 ≈ 1.01 s)" in narrow.message
    (half,) = judge_half("y", histogram((0.5, 2.0), (1.0, 8.0), (math.inf, 8.0)), T)
    assert half.message.endswith("took over 500 ms (p50 ≈ 667 ms)")
    (wide,) = judge_spread("z", histogram((1.0, 90.0), (10.0, 100.0), (math.inf, 100.0)), T)
    assert wide.message == "z p95 is more than 1 s and 10 s at most, over the threshold of 1.0 s"
    assert (wide.measured, wide.measured_words) == (1000.0, "over 1 s")
    assert measured(finding) == "≈ 750 ms"
    facts = dict(explained(finding))
    assert facts["measured"] == "≈ 750 ms, p95 of 100 requests"


def test_what_there_is_none_of_is_not_unknown() -> None:
    redis = {"status": "connected", "latency_ms": None, "status_code": None}
    assert [cell(redis, key) for key in ("latency_ms", "status_code", "samples")] == ["?", "–", "–"]
    assert cell({"status": "not configured", "latency_ms": None}, "latency_ms") == "–"


def test_the_tables_of_the_tools_say_estimates_and_bounds_in_words_and_the_document_keeps_numbers() -> None:
    rows = [
        {"route": "/a", **section(histogram((0.5, 90.0), (1.0, 100.0), (math.inf, 100.0)))},
        {"route": "/b", **section(histogram((1.0, 90.0), (10.0, 100.0), (math.inf, 100.0)))},
    ]
    assert rows[0]["p95_ms"] == 750.0
    shown = in_words(rows)
    columns = layout(shown).columns
    assert columns == ("route", "mean_ms", "p50_ms", "p95_ms", "p99_ms")
    assert [cell(one, "p95_ms") for one in shown] == ["≈ 750 ms", "≤ 10 s"]
    assert cell(shown[0], "mean_ms") == "200 ms"  # a sum over a count is exact
    assert all(is_figure(cell(one, "p95_ms")) for one in shown)
    nothing = {"omitted": 0, "unparsed": {"count": 0, "shapes": []}, "total": 0}
    assert in_words(nothing) == {"total": 0}
    assert in_words({"omitted": 2}) == {"omitted": 2}
    assert in_words({"measured": 750.0, "measured_words": "≈ 750 ms"}) == {"measured": "≈ 750 ms"}
