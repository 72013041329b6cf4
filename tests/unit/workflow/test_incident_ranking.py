"""Which issue to look at: what is immediate comes first, and one slow look never leads over a finding."""

from itertools import permutations

import pytest
from msgspec import to_builtins

from optimus_tui.contract.incident import ISSUES, Figure, OpenFinding
from optimus_tui.workflow.outcomes import outline
from optimus_tui.workflow.ranking import about, evident_issue, rank_issues
from tests.unit.workflow.driver import Play, found, outcome

SLOW_LOOK = Figure(name="latency.engine", value=914.0, unit="ms", label="engine")
SLOW_MS = 500.0


def first(*findings: object, figures: tuple[Figure, ...] = (SLOW_LOOK,)) -> tuple[str, str]:
    ranked = rank_issues(outcome(*findings, figures=figures), SLOW_MS)  # type: ignore[arg-type]
    assert {one.issue for one in ranked} == set(ISSUES)
    return ranked[0].issue, ranked[0].reason


@pytest.mark.parametrize(
    ("rule", "level", "issue"),
    [
        ("limits.over", "high", "rate_limiting"),
        ("limits.near", "low", "rate_limiting"),
        ("breaker.open", "high", "circuit_breaker"),
        ("errors.rate", "high", "circuit_breaker"),
        ("errors.timeouts", "high", "proxy_timeout"),
        ("cache.hit_rate", "medium", "cache_miss"),
        ("server.refuses_writes", "critical", "memory_leak"),
        ("server.replica_link", "high", "cache_miss"),
        ("gateway.restarts", "high", "memory_leak"),
        ("something.new", "high", "high_latency"),
    ],
)
def test_one_slow_look_leads_over_no_finding(rule: str, level: str, issue: str) -> None:
    chosen, reason = first(found(rule, level))
    assert chosen == issue
    assert reason.startswith(f"{rule} of"), "the finding is the reason, never the runbook's own choice"


def test_the_immediate_leads_whatever_the_words_of_the_tool() -> None:
    over = found("limits.over", "warning", level="high", message="acme / chat has used up its limit: 1,148 of 150")
    slow = found("latency.now", "warning", level="medium", subject="engine")
    assert first(slow, over) == ("rate_limiting", over.message)
    stuck = found("limits.immortal", "critical", level="critical")
    assert first(found("breaker.open", "warning", level="high"), stuck)[0] == "rate_limiting"


def test_refused_requests_lead_over_any_number_of_slow_routes_of_the_same_level() -> None:
    over = found("limits.over", "warning", level="high", message="acme / chat has used up its limit: 1,148 of 150")
    slow = [found("latency.p95", "warning", level="high", subject=f"route /{number}") for number in range(60)]
    assert first(*slow, over) == ("rate_limiting", over.message)
    worse = found("latency.p95", "critical", level="critical", subject="route /chat")
    assert first(worse, over)[0] == "high_latency", "a higher level leads over everything below it"


def test_a_slow_look_alone_is_a_reason_and_without_anything_the_runbook_chooses() -> None:
    assert first() == ("high_latency", "engine took 914 ms, more than 500 ms")
    chosen, reason = first(figures=())
    assert (chosen, reason) == ("high_latency", "no finding points to it; it is the runbook's default")


def test_the_runbooks_choice_is_not_named_while_there_is_a_finding() -> None:
    ranked = rank_issues(outcome(found("limits.over")), SLOW_MS)
    assert not [one for one in ranked if "own choice" in one.reason]


def test_a_cause_leads_over_its_worse_effects_in_the_issues_and_as_the_main_finding() -> None:
    slow = found("latency.p95", "high", "route /chat", caused_by="cache.hit_rate")
    rate = found("cache.hit_rate", "medium", "gateway", caused_by="cache.bulk")
    bulk = found("cache.bulk", "low", "clinic_b")
    assert first(slow, rate, bulk)[0] == "cache_miss"
    assert first(slow)[0] == "high_latency", "a cause that is not among the findings changes nothing"
    play = Play()
    play.run("health", outcome(slow, rate, bulk, found("limits.near", "low")))
    assert [one.rule for one in about(play.state)] == ["cache.bulk", "cache.hit_rate", "latency.p95", "limits.near"]


def test_of_one_severity_what_the_incident_was_opened_on_leads_and_what_is_of_few_requests_comes_last() -> None:
    few = found("latency.half", "high", "route /export", samples=6, measured_words="≈ 600 ms")
    slow = found("latency.p95", "high", "route /chat", samples=80, measured_words="≈ 1.4 s")
    over = found("limits.over", "high", "acme / chat")
    opened = OpenFinding(rule="limits.over", severity="high", subject="acme / chat", since=None)
    for order in permutations((few, slow, over)):
        document = {"diagnostics": to_builtins(order)}
        assert [one.rule for one in outline(document).findings][-1] == "latency.half"
        found_on = outline(document, ("limits.over", "acme / chat"))
        assert [one.rule for one in found_on.findings] == ["limits.over", "latency.p95", "latency.half"]
        play = Play(open_findings=(opened,))
        play.run("health", found_on)
        assert [one.rule for one in about(play.state)] == ["limits.over", "latency.p95", "latency.half"]


def test_findings_that_name_each_other_as_cause_end_the_chain() -> None:
    one = found("cache.bulk", "low", caused_by="cache.hit_rate")
    other = found("cache.hit_rate", "high", caused_by="cache.bulk")
    assert first(one, other)[0] == "cache_miss"


def test_an_issue_is_evident_if_it_was_acted_on_or_nothing_points_to_another() -> None:
    over, slow = found("limits.over", "high", "acme / chat"), found("latency.p95", "high", "engine")
    play = Play()
    play.run("health", outcome(over))
    evident = evident_issue(play.state)
    assert evident is not None and (evident.issue, evident.tenant) == ("rate_limiting", "acme")
    play.run("health", outcome(over, slow))
    assert evident_issue(play.state) is None, "the operator is asked"
    play.act(kind="remedy", rules=("latency.p95",))
    evident = evident_issue(play.state)
    assert evident is not None and evident.issue == "high_latency"
    assert evident_issue(Play().state) is None
