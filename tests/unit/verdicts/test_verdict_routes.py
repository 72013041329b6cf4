"""A route that was slow within the window: what came in the last minute decides whether it is so now."""

from dataclasses import dataclass

import pytest

from optimus_tui.contract.services import Counted, Quantiles, Spread
from optimus_tui.history.samples.processes import spread
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.latency import MIN_SAMPLES
from optimus_tui.verdicts.gateway.routes import judge_routes
from optimus_tui.workflow.proof import ROUTE_REQUESTS

ROUTE, DEFAULT = "/api/export", Thresholds()


def timed(**within: float) -> Spread:
    """Return a histogram of requests, by the milliseconds of the bucket that they fell into."""
    total, buckets = 0.0, []
    for edge in (100, 250, 500, 1000, 2500):
        total += within.get(f"ms{edge}", 0.0)
        buckets.append(Counted(labels={"le": f"{edge / 1000:g}"}, increase=total))
    return spread([*buckets, Counted(labels={"le": "+Inf"}, increase=total)], total, total * 0.1)


def span(now: Spread | None, seconds: float = 60.0) -> Quantiles:
    """Return what came of the route within the last seconds."""
    return Quantiles(name="seconds", groups={} if now is None else {ROUTE: now}, covered_minutes=seconds / 60)


@dataclass(frozen=True)
class Case:
    """What came in the last minute, and what is said then."""

    now: Spread | None
    severity: str
    says: str


CASES = {
    "nothing came": Case(None, "high", "is over 1.0 s"),
    "four are too few": Case(timed(ms100=4), "high", "is over 1.0 s"),
    "seven quick ones": Case(timed(ms100=6, ms500=1), "low", "none of its last 7 requests (1 min) took over 500 ms"),
    "one of seven is slow": Case(timed(ms100=6, ms1000=1), "high", "lately 1 of 7 requests (1 min) took over 500 ms"),
    "nineteen have no p95": Case(timed(ms100=19), "low", "none of its last 19 requests (1 min) took over 500 ms"),
    "one of twenty is a p95": Case(timed(ms100=19, ms1000=1), "low", "quick again in its last 20 requests (1 min)"),
    "two of twenty are slow": Case(timed(ms100=18, ms1000=2), "high", "is over 1.0 s"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_came_lately_decides_and_no_percentile_of_under_twenty(case: Case) -> None:
    (found,) = judge_routes({ROUTE: timed(ms100=300, ms2500=60)}, DEFAULT, span(case.now))
    assert (found.severity, found.message.endswith(case.says)) == (case.severity, True), found.message


def test_a_route_of_few_requests_is_quick_again_by_the_same_rule() -> None:
    (slow,) = judge_routes({ROUTE: timed(ms100=3, ms2500=9)}, DEFAULT, span(timed(ms2500=5)))
    assert (slow.rule, slow.severity) == (
        "latency.half",
        "medium",
    ) and "all 5 requests (1 min) took over" in slow.message
    (past,) = judge_routes({ROUTE: timed(ms100=3, ms2500=9)}, DEFAULT, span(timed(ms100=5)))
    assert (past.rule, past.severity) == ("latency.half", "low")
    (fewer,) = judge_routes({ROUTE: timed(ms100=3, ms2500=9)}, DEFAULT, span(timed(ms100=6, ms2500=4)))
    assert fewer.severity == "low" and fewer.message.endswith("lately 4 of 10 requests (1 min) took over 500 ms")


def test_a_bar_within_a_bucket_leaves_it_open_whether_a_request_was_over_it() -> None:
    between = Thresholds(latency_good_ms=400.0)
    (found,) = judge_routes({ROUTE: timed(ms100=300, ms2500=60)}, between, span(timed(ms500=7)))
    assert found.severity == "high" and "lately" not in found.message and "none" not in found.message


@pytest.mark.parametrize(
    ("near", "severity", "says"),
    [
        (timed(ms100=20), "low", "quick again in its last 20 requests (24 s)"),
        (timed(ms100=19), "high", "is over 1.0 s"),  # too few: the longer span decides
        (timed(ms100=18, ms1000=2), "high", "is over 1.0 s"),
    ],
)
def test_the_last_half_minute_decides_where_enough_came(near: Spread, severity: str, says: str) -> None:
    slow = timed(ms100=60, ms2500=12)
    (found,) = judge_routes({ROUTE: timed(ms100=300, ms2500=60)}, DEFAULT, span(near, 24.0), span(slow))
    assert (found.severity, found.message.endswith(says)) == (severity, True), found.message
    assert found.message.startswith("past: ") is (severity == "low"), "said first: the end of a line may be cut"


def test_what_is_slow_in_the_last_half_minute_is_not_called_quick_by_the_longer_span() -> None:
    near = span(timed(ms100=10, ms1000=10), 24.0)
    (found,) = judge_routes({ROUTE: timed(ms100=300, ms2500=60)}, DEFAULT, near, span(timed(ms100=400)))
    assert found.severity == "high"


def test_a_proof_waits_for_as_many_requests_of_a_route_as_are_judged() -> None:
    assert ROUTE_REQUESTS == MIN_SAMPLES
