"""Every rule that the package can emit points to an issue type, and only what does not answer blinds a check."""

import ast
import re
from pathlib import Path

import pytest

import optimus_tui
from optimus_tui.workflow.outcome_diff import compare
from optimus_tui.workflow.ranking import POINTS_TO
from tests.unit.incident_world import found, outcome

FAMILIES = (
    "breaker|cache|coherence|errors|events|feed|gateway|integration|latency|limits|memory|metrics|proxy|redis|server"
    "|services|source"
)
A_RULE = re.compile(rf"(?:{FAMILIES})\.[a-z_]+")
UNMAPPED = {
    "metrics.several_processes": "it says what our figures cannot tell, and nothing about the system",
    "metrics.unmeasured": "it says what could not be read, and nothing about the system",
    "source.broken": "no family: the usual issue is looked at, since a source that fails can hide anything",
}


def _rules() -> set[str]:
    root = Path(optimus_tui.__file__).parent
    places = [path for path in root.rglob("*.py") if "patterns" not in path.relative_to(root).parts]
    return {rule for path in places for node in ast.walk(ast.parse(path.read_text("utf-8"))) for rule in _named(node)}


def _named(node: ast.AST) -> set[str]:
    """Return the rules written in ``rule=…``, or given to a constant whose name says RULE."""
    match node:
        case ast.keyword(arg="rule", value=value):
            pass
        case ast.Assign(targets=[target], value=value) if "RULE" in ast.unparse(target):
            pass
        case _:
            return set()
    words = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return {word for word in words if A_RULE.fullmatch(word)}


def test_every_rule_points_to_an_issue_type_or_says_why_not() -> None:
    rules = _rules()
    assert {"server.refuses_writes", "gateway.restarts", "latency.half", "events.clock"} <= rules, "the search finds"
    pointed = {rule: next((issues for prefix, issues in POINTS_TO if rule.startswith(prefix)), ()) for rule in rules}
    assert {rule for rule, issues in pointed.items() if not issues} == set(UNMAPPED)


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
