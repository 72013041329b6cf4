"""Before and after, and what an incident keeps of a tool's document."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from optimus_tui.contract.incident import Check, Comparison, Figure
from optimus_tui.wording.numbers import figure as quantity
from optimus_tui.workflow.outcomes import MOST, compare, outline, overall
from tests.amounts import amount
from tests.unit.workflow.driver import IMMORTAL, found, outcome

OVER = found("limits.over", "high")
ENGINE = found("services.engine", "critical", "engine")
LATE = found("services.gateway", "critical", "gateway", message="gateway does not answer: not measured within 2.8 s")


def at(rule: str, measured: float, threshold: float) -> list[Any]:
    return [found(rule, measured=measured, threshold=threshold)]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([IMMORTAL], [], "fixed"),
        ([IMMORTAL], [IMMORTAL], "same"),
        ([IMMORTAL], [OVER], "better"),  # the count stays: it is over its limit until its window ends
        ([OVER], [IMMORTAL], "worse"),
        ([], [OVER], "worse"),
        ([], [], "same"),
        ([], [found("limits.near", "low")], "same"),
        ([IMMORTAL], [found("server.unreachable", "critical", "redis")], "worse"),
        ([ENGINE], [LATE], "fixed"),
        ([IMMORTAL], [found("limits.unmeasured", "medium", "rate limits")], "unknown"),
        ([IMMORTAL], [found("proxy.unmeasured", "medium", "proxy")], "fixed"),
        (
            [found("limits.over", subject="several counters", measured=9.0)],
            [found("limits.over", subject="several counters", measured=3.0)],
            "better",
        ),
        (
            [found("limits.over", subject="several counters", measured=3.0)],
            [found("limits.over", subject="several counters", measured=4.0)],
            "worse",
        ),
        ([found("limits.over", subject="several counters", measured=3.0)], [OVER], "better"),
        (at("latency.p95", 900.0, 500.0), at("latency.p95", 600.0, 500.0), "better"),
        (at("latency.p95", 600.0, 500.0), at("latency.p95", 620.0, 500.0), "same"),
        (at("cache.hit_rate", 0.5, 0.7), at("cache.hit_rate", 0.3, 0.7), "worse"),
        ([found("x.y", "high")], [found("x.y", "medium")], "better"),
        (
            [found("services.engine", "critical"), *at("errors.rate", 0.2, 0.05)],
            at("errors.rate", 0.36, 0.05),  # what failed meanwhile is still counted
            "better",
        ),
        ([OVER, *at("errors.rate", 0.2, 0.05)], at("errors.rate", 0.36, 0.05), "worse"),
        ([found("x.y", "warning")], [found("x.y", "critical")], "worse"),
    ],
)  # fmt: skip
def test_before_and_after_are_told_apart(before: list[Any], after: list[Any], verdict: str) -> None:
    assert compare(outcome(*before), outcome(*after)).verdict == verdict


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ([], "fixed"),
        ([found("cache.no_ttl", "low", "cache keys", measured=4.0)], "same"),
        ([found("cache.hit_rate_unknown", "medium", "hit rate")], "fixed"),  # keys were counted all the same
        ([found("cache.unmeasured", "medium", "cache keys")], "unknown"),
        ([found("server.unreachable", "critical", "redis")], "unknown"),
    ],
)
def test_what_was_to_be_cured_counts_however_light_it_is(after: list[Any], verdict: str) -> None:
    before = outcome(found("cache.no_ttl", "low", "cache keys", measured=4.0))
    assert compare(before, outcome(*after), ["cache.no_ttl"]).verdict == verdict


@pytest.mark.parametrize(("rule", "verdict"), [("limits.over", "unknown"), ("limits.immortal", "fixed")])
def test_without_the_gateways_rules_nobody_says_that_a_limit_is_no_longer_used_up(rule: str, verdict: str) -> None:
    after = outcome(found("limits.rules_unmeasured", "medium", "limits"))
    assert compare(outcome(found(rule)), after, [rule]).verdict == verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([ENGINE], [found("services.gateway", "critical", "gateway")], "fixed"),  # new elsewhere, told beside it
        ([ENGINE], [LATE], "fixed"),  # a gateway that was not measured in our time says nothing of the engine
        ([found("services.gateway", "critical", "gateway")], [LATE], "unknown"),
        ([found("latency.p95", "critical", "engine")], [ENGINE], "unknown"),
        ([found("latency.p95", "high", "engine")], [ENGINE], "worse"),
        (
            [found("latency.p95", "high", "engine")],
            [found("latency.p95", "high", "engine"), found("latency.p95", "high", "redis"), LATE],
            "same",
        ),
        ([found("latency.p95", "high", "engine")], [found("latency.few", "high", "engine")], "same"),
        (
            [found("latency.p95", "high", "engine")],
            [found("latency.p95", "high", "engine"), found("latency.now", "high", "engine")],
            "same",
        ),
    ],
)
def test_what_is_new_elsewhere_or_was_not_measured_is_never_the_outcome(
    before: list[Any], after: list[Any], verdict: str
) -> None:
    change = compare(outcome(*before), outcome(*after), {one.rule for one in before})
    assert change.verdict == verdict, change
    assert all(one.message in (*change.new, *change.held) for one in after)


def test_a_check_looks_only_at_what_was_to_be_cured() -> None:
    other = found("cache.no_ttl", "medium", "cache keys")
    change = compare(outcome(IMMORTAL, other), outcome(other), ["limits.immortal"])
    assert (change.verdict, change.gone, change.new) == ("fixed", (IMMORTAL.message,), ())


SLOW = found("latency.p95", "medium", "engine", measured=829.0, threshold=500.0, unit="ms")
P95, HIT = Figure(name="engine.p95", value=12.0, unit="ms"), Figure(name="hit_rate", value=0.9, unit="share")
RATE = found("cache.hit_rate", "high", "hit rate", measured=0.31, threshold=0.5, unit="share")
BULK = found("cache.bulk", "high", "bulk invalidations", measured=74.0, threshold=10.0, unit="events")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            [SLOW],
            outcome(figures=(Figure(name="engine.p95", value=12.0, unit="ms"),)),
            f"engine p95 829 ms → {quantity(12.0, 'ms')}",
        ),
        ([SLOW], outcome(), "engine p95 829 ms → no longer over 500 ms"),
        ([SLOW], outcome(replace(SLOW, measured=700.0)), "engine p95 829 ms → 700 ms"),
        (
            [RATE],
            outcome(figures=(Figure(name="hit_rate", value=0.9, unit="share"),)),
            f"hit rate {quantity(0.31, 'share')} → {quantity(0.9, 'share')}",
        ),
        (
            [RATE],
            outcome(),
            f"hit rate {quantity(0.31, 'share')} → no longer below {quantity(0.5, 'share')}",
        ),
        ([IMMORTAL], outcome(), ""),
        (
            [BULK, replace(RATE, severity="critical")],
            outcome(replace(BULK, measured=82.0, severity="medium")),
            f"hit rate {quantity(0.31, 'share')} → no longer below {quantity(0.5, 'share')}",
        ),
        (
            [BULK, RATE],
            outcome(replace(BULK, measured=20.0, severity="medium"), RATE),
            "bulk invalidations 74 events → 20 events",
        ),
        (
            [found("services.flapping", subject="engine", measured=0.5, threshold=0.15, unit="share")],
            outcome(),
            f"engine failed checks {quantity(0.5, 'share')} → no longer over {quantity(0.15, 'share')}",
        ),
        (
            [found("services.flapping", subject="engine", measured=0.5, threshold=0.15, unit="share")],
            outcome(figures=(Figure(name="latency.engine", value=12.0, unit="ms"),)),
            f"engine failed checks {quantity(0.5, 'share')} → answers in {quantity(12.0, 'ms')}",
        ),
        (
            [found("limits.refused", subject="a", measured=35.0, threshold=0.0, unit="requests")],
            outcome(),
            "a refused 35 requests → none any more",
        ),
        ([found("services.engine", subject="engine", measured=1.0, threshold=0.0, unit="checks")], outcome(), ""),
    ],
)
def test_a_comparison_has_the_figure_that_decides_before_and_after(before: list[Any], after: Any, words: str) -> None:
    assert compare(outcome(*before), after).deciding == words


def test_what_is_quick_again_is_fixed_and_no_lesser_fault() -> None:
    past = replace(SLOW, severity="low", message="engine was slow; quick again in the last 15 checks")
    assert compare(outcome(SLOW), outcome(past), ["latency.p95"]).verdict == "fixed"


def test_the_worst_finding_is_the_verdict_whatever_the_grade_of_an_average_says() -> None:
    document = {
        "tool": "analyze_performance_metrics",
        "analysis_results": {"latency_summary": {"assessment": "excellent"}},
        "diagnostics": [{"severity": "medium", "message": "p95 829 ms is over 500 ms", "rule": "latency.p95"}],
    }
    kept = outline(document)
    assert (kept.verdict, kept.headline) == ("medium", "p95 829 ms is over 500 ms")
    assert outline({**document, "diagnostics": []}).verdict == "excellent"


def test_an_unreachable_server_hides_faults_also_where_it_was_known_before() -> None:
    down = found("server.unreachable", "critical", "redis")
    assert compare(outcome(IMMORTAL, down), outcome(down), ["limits.immortal"]).verdict == "unknown"


def test_an_actions_verdict_is_the_worst_of_its_checks() -> None:
    def check(verdict: Any) -> Check:
        return Check(step="x", change=Comparison(verdict=verdict, words=""))

    assert overall([check("fixed"), check("better")]) == "better"
    assert overall([check("worse"), check("unknown")]) == "worse"
    assert overall([check("fixed"), check("unknown")]) == "unknown"
    assert overall([check("fixed"), Check(step="y")]) is None
    assert overall([]) is None


def test_a_health_document_keeps_verdict_findings_and_numbers() -> None:
    kept = outline(
        {
            "tool": "diagnose_gateway_health",
            "overall_status": "critical",
            "backend_orchestrator_health": {"latency_ms": 4.0},
            "ai_engine_connectivity": {"latency_ms": None},
            "diagnostics": [
                {"severity": "warning", "message": "w", "rule": "a.b"},
                {"severity": "critical", "message": "c", "rule": "c.d"},
            ],
        }
    )
    assert (kept.verdict, kept.severity, kept.headline) == ("critical", "critical", "c (1 more finding)")
    assert [one.rule for one in kept.findings] == ["c.d", "a.b"]
    numbers = {one.name: one.value for one in kept.figures}
    assert (numbers["latency.gateway"], numbers["latency.engine"]) == (4.0, None)


def test_a_failed_test_is_a_finding_and_a_skipped_one_is_none() -> None:
    tests = [
        {"test": "ai_engine_health", "status": "fail", "error": "refused"},
        {"test": "cache_integration", "status": "skipped"},
    ]
    kept = outline({"tool": "test_ai_engine_integration", "tests_performed": tests, "pass_rate": "0/1 (0.0%)"})
    assert [(one.rule, one.severity) for one in kept.findings] == [("integration.ai_engine_health", "high")]
    assert outline({"tool": "test_ai_engine_integration", "pass_rate": "2/2 (100.0%)"}).headline == (
        "2 of 2 tests passed"
    )


def test_of_a_long_document_the_rest_is_counted() -> None:
    many = [{"severity": "low", "message": str(one), "rule": "a.b"} for one in range(MOST + 7)]
    kept = outline({"diagnostics": many})
    assert (len(kept.findings), kept.more) == (MOST, 7)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["tool", "diagnostics", "recommendations", "tests_performed", "analysis_results", "overall_status", "unknown",
     "examined", "pass_rate", "severity_assessment", "redis", "cache_metrics"]
)  # fmt: skip


@settings(max_examples=amount(50, 150))
@given(st.dictionaries(KEYS, JSON, max_size=6), st.sampled_from(["", "diagnose_gateway_health",
       "analyze_performance_metrics", "test_ai_engine_integration"]))  # fmt: skip
def test_any_document_at_all_has_an_outline(document: dict[str, Any], tool: str) -> None:
    kept = outline({**document, "tool": tool})
    assert kept.headline is not None
    assert compare(kept, kept).verdict in ("same", "unknown")


@pytest.mark.parametrize(
    ("rule", "figures", "bar", "said"),
    [
        ("cache.hit_rate", (0.2, 0.69), 0.7, "it rose, but is not gone: "),
        ("cache.hit_rate", (0.6, 0.2), 0.7, "it fell: "),
        ("latency.p95", (900.0, 600.0), 500.0, "it decreased, but is not gone: "),
        ("latency.p95", (600.0, 900.0), 500.0, "it increased: "),
        ("limits.over", (9.0, 3.0), 0.0, "it decreased, but is not gone: "),
        ("limits.over", (3.0, 9.0), 0.0, "it increased: "),
    ],
)
def test_the_words_for_more_and_less_follow_the_figure(
    rule: str, figures: tuple[float, float], bar: float, said: str
) -> None:
    subject = "several counters" if rule == "limits.over" else "hit rate"
    before, after = (outcome(found(rule, subject=subject, measured=one, threshold=bar)) for one in figures)
    assert compare(before, after).words.startswith(said)


def test_a_good_figure_of_before_something_graver_is_not_what_is_worse() -> None:
    after = outcome(
        found("services.engine", "critical", "engine", message="engine does not answer"),
        figures=(Figure(name="latency.p95|engine", value=9.6, unit="ms"),),
    )
    change = compare(outcome(SLOW), after, [SLOW.rule])
    assert (change.verdict, change.words, change.deciding) == ("worse", "new: engine does not answer", "")
