"""One order of findings on every surface: the worst first, and each effect right below its cause."""

import io
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
from rich.console import Console

from optimus_tui.cli.reports.rendering import render
from optimus_tui.contract.finding_rules import (
    CACHE_CHURN,
    CACHE_HIT_RATE,
    EVENTS_FLOOD,
    LATENCY_P95,
    LIMITS_IMMORTAL,
    LIMITS_OVER,
    SERVICES_FLAPPING,
    title_of_rule,
)
from optimus_tui.contract.findings import Finding, Severity, below_causes, worst_first
from optimus_tui.contract.services import HealthReport
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.tools.standup import _JUDGED, _findings
from optimus_tui.tui.incidents.controller import IncidentController
from optimus_tui.tui.incidents.opening import opening
from optimus_tui.tui.panes.health.finding_lines import finding_lines
from optimus_tui.verdicts.alerts import Alerts, step
from optimus_tui.verdicts.causes import relate
from optimus_tui.workflow.outcomes import outline
from tests.tool_documents import report

START = 1_795_000_000.0


def finding(rule: str, subject: str, severity: Severity, after: float, held: bool = False) -> Finding:
    return Finding(rule=rule, severity=severity, subject=subject, message=rule, since=START + after, held=held)


FOUND = [
    finding(LIMITS_IMMORTAL, "acme / chat", "high", 50.0),
    finding(EVENTS_FLOOD, "coherence feed", "medium", 0.0),
    finding(CACHE_HIT_RATE, "hit rate", "high", 30.0),
    finding(LATENCY_P95, "gateway", "medium", 60.0),
    finding(LIMITS_OVER, "acme / export", "high", 20.0),
    finding(CACHE_CHURN, "cache keys", "low", 500.0),
    finding(SERVICES_FLAPPING, "gateway", "medium", 10.0, held=True),
]
RELATED = relate(FOUND)
ORDER = [one.rule for one in RELATED]


def test_a_flood_stands_before_the_hit_rate_and_that_before_the_latency() -> None:
    at = ORDER.index(EVENTS_FLOOD)
    assert ORDER[at : at + 3] == [EVENTS_FLOOD, CACHE_HIT_RATE, LATENCY_P95]
    assert ORDER[-2:] == [SERVICES_FLAPPING, CACHE_CHURN], "what is only held, and notes, come last"


def test_sorting_again_in_any_order_keeps_effects_below_their_causes() -> None:
    for seed in range(50):
        mixed = list(RELATED)
        Random(seed).shuffle(mixed)
        again = worst_first(mixed)
        rules = [one.rule for one in again]
        at = rules.index(EVENTS_FLOOD)
        assert rules[at : at + 3] == [EVENTS_FLOOD, CACHE_HIT_RATE, LATENCY_P95]
        assert sorted(rules) == sorted(ORDER)
    assert worst_first(RELATED) == RELATED == relate(RELATED)


def test_findings_that_name_each_other_are_all_listed_once() -> None:
    pairs = [("a", "b"), ("b", "a"), ("c", "c"), ("d", "gone"), ("a", "b")]
    listed = below_causes(pairs, lambda one: one[0], lambda one: one[1])
    assert sorted(listed) == sorted(pairs)


def document() -> Any:
    """Return a tool's document that holds the findings, as CLI, MCP and HTTP hand it on."""
    return msgspec.structs.replace(report(), diagnostics=diagnostics(RELATED))


def test_all_surfaces_have_this_order() -> None:
    health = HealthReport(findings=RELATED)
    pane = [line.finding.rule for line in finding_lines(health, 200, START, {}) if line.finding and line.part == 0]
    assert pane == ORDER, "the health pane"

    dashboard: Any = SimpleNamespace(health=health)
    controller = IncidentController.__new__(IncidentController)
    controller.dashboard = dashboard
    loud = [one.rule for one in RELATED if one.severity != "low"]
    assert [one.rule for one in controller.alarming()] == loud, "what an incident is opened for"
    asked = opening(controller.alarming(), "default", ()).splitlines()
    assert [line.split()[-1] for line in asked[:3]] == loud[:3], "its dialog"

    state, _ = step(Alerts(), RELATED, now=START, mono=0.0)
    state, notices = step(state, RELATED, now=START + 60, mono=60.0)
    told = [one.finding.rule for one in notices]
    assert told == [rule for rule in loud if rule in told] and EVENTS_FLOOD in told, "toasts and alerts"
    assert CACHE_HIT_RATE not in told, "an effect is announced by its cause"

    made = msgspec.to_builtins(document())
    assert [one["rule"] for one in made["diagnostics"]] == ORDER, "MCP and HTTP"
    assert [one.rule for one in outline(made).findings] == ORDER, "evidence and post-mortem"
    documents = {name: made if name == "health" else {} for name in _JUDGED}
    assert [one.rule for one in _findings(documents)] == ORDER, "the stand-up"

    console = Console(file=io.StringIO(), width=120, markup=False, highlight=False)
    render(document(), console)
    assert isinstance(console.file, io.StringIO)
    page = console.file.getvalue()
    places = [page.index(f" {title_of_rule(rule)}") for rule in ORDER]
    assert places == sorted(places), "the command line"
