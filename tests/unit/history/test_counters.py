"""Counters and histograms over a window: a reset is no negative rate."""

import pytest

from optimus_tui.contract.services import Counted
from optimus_tui.history.samples.processes import covered_minutes, group_spreads, increase, integrate, quantile


def test_growth_is_counted_from_the_last_sample_before_the_window() -> None:
    assert increase([(0, 5.0), (10, 8.0), (20, 12.0)], since=5) == (7.0, 0)


def test_a_drop_is_a_reset_and_counts_the_new_value_row_91() -> None:
    assert increase([(0, 100.0), (10, 104.0), (20, 3.0), (30, 5.0)], since=0) == (9.0, 1)


def test_a_series_that_was_born_in_the_window_counts_from_zero_and_one_that_was_there_does_not() -> None:
    assert increase([(10, 4.0), (20, 6.0)], since=0, born=True) == (6.0, 0)
    assert increase([(10, 4.0), (20, 6.0)], since=0) == (2.0, 0)


def test_an_amount_behind_a_rate_does_not_bridge_a_gap() -> None:
    assert integrate([(0, 9.0), (2, 5.0), (4, 5.0), (400, 5.0)], longest_gap=90) == 20.0


def test_gaps_are_not_covered() -> None:
    assert covered_minutes([0, 60, 120, 720, 780], longest_gap=90) == 3.0
    assert covered_minutes([5], longest_gap=90) == 0.0


def test_percentiles_lie_within_their_bucket_and_beyond_the_last_edge_at_that_edge() -> None:
    buckets = [(0.1, 50.0), (0.5, 90.0), (1.0, 99.0), (float("inf"), 100.0)]
    assert quantile(buckets, 0.5) == pytest.approx(0.1)
    assert quantile(buckets, 0.95) == pytest.approx(0.5 + 0.5 * 5 / 9)
    assert quantile(buckets, 0.999) == 1.0
    assert quantile([(0.1, 0.0), (float("inf"), 0.0)], 0.5) is None
    assert quantile([(0.1, 5.0)], 0.5) is None  # no +Inf bucket: not a histogram
    assert quantile([(float("inf"), 5.0)], 0.5) is None


def test_a_histogram_is_grouped_by_a_label_the_most_used_first() -> None:
    def one(route: str, value: float, **more: str) -> Counted:
        return Counted(labels={"route": route, **more}, increase=value)

    buckets = [one("/a", 2, le="0.1"), one("/a", 4, le="+Inf"), one("/b", 8, le="0.1"), one("/b", 8, le="+Inf")]
    groups = group_spreads(
        buckets, [one("/a", 1.0), one("/b", 0.4)], [one("/a", 4), one("/b", 8), one("/c", 0)], "route"
    )
    assert list(groups) == ["/b", "/a"]
    assert groups["/a"].mean == 0.25 and groups["/a"].count == 4 and groups["/a"].p50 == 0.1
    assert groups["/a"].p95 is groups["/a"].p95_edges is groups["/a"].p99 is None, "four observations have no p95"
    many = group_spreads([one("/a", 19, le="0.1"), one("/a", 20, le="+Inf")], [], [one("/a", 20)], "route")
    assert many["/a"].p95 == 0.1
    assert group_spreads(buckets, [], [one("/a", 4), one("/b", 8)], None)[""].count == 12
