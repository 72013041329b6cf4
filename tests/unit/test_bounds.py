"""A histogram's percentile is as exact as its bucket: a wide one is a bound, and judged by its lower edge only."""

import math

import pytest

from optimus_tui.contract.metrics import Counted, Spread
from optimus_tui.history.counters import spread
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.bounds import estimate_ms, judge_spread, section, shown_ms

T = Thresholds()


def histogram(*buckets: tuple[float, float]) -> Spread:
    """From (upper edge, observations up to it); the last edge is infinite."""
    last = buckets[-1][1]
    every = [Counted(labels={"le": "+Inf" if math.isinf(edge) else str(edge)}, increase=seen) for edge, seen in buckets]
    return spread(every, last, last * 0.2)


INSTRUMENTATOR = [(0.1, 50.0), (0.5, 90.0), (1.0, 94.0), (math.inf, 100.0)]


def test_beyond_the_last_edge_it_is_over_that_edge_and_judged_by_it() -> None:
    of = histogram(*INSTRUMENTATOR)
    assert shown_ms(of, "p95") == "over 1.0 s" and estimate_ms(of, "p95") is None
    (finding,) = judge_spread("route /a", of, T)
    assert finding.message == "route /a p95 is more than 1.0 s, over the bar of 1.0 s"
    assert (finding.measured, finding.severity) == (1000.0, "high")


@pytest.mark.parametrize(
    ("buckets", "words", "severity"),
    [
        ([(0.1, 90.0), (10.0, 100.0), (math.inf, 100.0)], "≤ 10.0 s", None),  # 0.1 to 10 s: it may be 200 ms
        ([(1.0, 90.0), (10.0, 100.0), (math.inf, 100.0)], "≤ 10.0 s", "high"),
        ([(2.0, 90.0), (10.0, 100.0), (math.inf, 100.0)], "≤ 10.0 s", "high"),
        ([(0.5, 90.0), (1.0, 100.0), (math.inf, 100.0)], "750 ms", "medium"),  # certainly over 500, not over 1,000
        ([(0.25, 90.0), (0.5, 100.0), (math.inf, 100.0)], "375 ms", None),
        ([(0.75, 90.0), (1.1, 100.0), (math.inf, 100.0)], "925 ms", "medium"),
        ([(0.005, 100.0), (math.inf, 100.0)], "4.8 ms", None),
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
    assert of["p95_ms"] is None and of["p95_bound"] == "over 1.0 s" and of["p50_ms"] == 100.0
    assert "p50_bound" not in of
