"""Every rule that the package can emit points to an issue type, and only what does not answer blinds a check."""

import pytest

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.workflow.outcomes import compare
from tests.unit.workflow.driver import found, outcome

UNMAPPED = {
    "latency.cold_start": "it says from when on is judged, and nothing about the system",
    "metrics.several_processes": "it says what our figures cannot tell, and nothing about the system",
    "metrics.unmeasured": "it says what could not be read, and nothing about the system",
    "compare.unmeasured": "it is no part of an incident: two systems are compared",
    "source.broken": "no family: the usual issue is looked at, since a source that fails can hide anything",
}


def test_every_rule_points_to_an_issue_type_or_says_why_not() -> None:
    assert {rule for rule, row in CATALOGUE.items() if not row.points_to} == set(UNMAPPED)


OVER = found("limits.over")


@pytest.mark.parametrize(
    "rule",
    ["server.replica_link", "server.replicas", "server.refuses_writes", "server.memory", "server.persistence",
     "server.clients", "server.info_unknown"],
)  # fmt: skip
def test_a_redis_that_answers_with_a_fault_hides_no_repair(rule: str) -> None:
    other = found(rule)
    assert compare(outcome(OVER, other), outcome(other), ["limits.over"]).verdict == "fixed"


@pytest.mark.parametrize("rule", ["server.unreachable", "server.login", "server.unknown", "services.gateway"])
def test_a_source_that_does_not_answer_proves_no_repair(rule: str) -> None:
    other = found(rule)
    assert compare(outcome(OVER, other), outcome(other), ["limits.over"]).verdict == "unknown"


@pytest.mark.parametrize(
    ("cured", "rule", "verdict"),
    [
        ("limits.over", "limits.unknown_layout", "unknown"),  # its counters may have other names now
        ("errors.rate", "metrics.several_processes", "unknown"),
        ("limits.refused", "metrics.several_processes", "unknown"),
        ("limits.over", "metrics.several_processes", "fixed"),  # Redis tells, whoever answers at the gateway
        ("server.memory", "server.info_senseless", "unknown"),
        ("errors.rate", "server.info_senseless", "fixed"),
    ],
)
def test_what_is_newly_hidden_is_not_repaired(cured: str, rule: str, verdict: str) -> None:
    before, hidden = found(cured), found(rule, "low")
    assert compare(outcome(before), outcome(hidden), [cured]).verdict == verdict
    assert compare(outcome(before, hidden), outcome(hidden), [cured]).verdict == "fixed", "it was seen in spite of it"


def test_a_part_that_was_not_read_proves_no_repair() -> None:
    partial = found("limits.partial", "medium", subject="rate limits")
    assert compare(outcome(OVER), outcome(partial), ["limits.over"]).verdict == "unknown"
