"""From documents to sections, from findings to tools, and the same question for other surfaces: all pure."""

import json
import shlex
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import CATALOGUE, COHERENCE, HEALTH, TROUBLE
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.tools.common import ErrorReport, ToolError
from optimus_tui.contract.tools.traffic import PerformanceReport
from optimus_tui.settings.model import Settings
from optimus_tui.tools import registry
from optimus_tui.tools.answer import parse
from optimus_tui.tools.pages.finding_tools import explain
from optimus_tui.tools.pages.format_value import figure, label, measured, samples
from optimus_tui.tools.pages.sections import Fact, Section, sections
from optimus_tui.tools.registry import TOOLS, callings
from optimus_tui.tui.tools.lists import report_lines
from tests.tool_documents import FLOW, NOW, trouble
from tests.tui.pictures import MIXED, counter, limits_report


def named(made: list[Section], title: str) -> Section:
    return next(section for section in made if section.title.startswith(title))


def test_the_verdict_and_the_findings_come_first_then_what_to_do() -> None:
    made = sections(trouble())
    assert [section.title for section in made[:3]] == ["Verdict", "Findings (1)", "To do (1)"]
    assert made[0].lines[0].text == "critical"
    assert made[0].lines[0].severity_style == "critical"
    assert [line.text for line in made[1].lines] == [
        "acme / chat never resets", "acme is refused",
        "A counter without TTL never resets · measured no TTL · threshold a TTL · 1 sample",
    ]  # fmt: skip
    assert ("command", "redis-cli EXPIRE k 60 NX") in [(line.label, line.text) for line in made[2].lines]


@pytest.mark.parametrize("rule", CATALOGUE)
def test_a_finding_is_named_by_the_title_of_its_rule_never_by_the_id(rule: str) -> None:
    (made,) = [
        one
        for one in sections(trouble(diagnostics=(replace(trouble().diagnostics[0], rule=rule),)))
        if one.title.startswith("Findings")
    ]
    text = "\n".join(line.text for line in made.lines)
    assert CATALOGUE[rule].title in text and rule not in text


def test_an_unknown_is_said_once_and_null_is_never_a_zero() -> None:
    made = sections(trouble())
    assert sum("no history" in line.text for section in made for line in section.lines) == 1
    table = named(made, "Rate limiting analysis")
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["chat"]["TTL"] == "never"
    assert rows["export"]["current count"] == "?"
    assert ("export", "not a number") in [(line.label, line.text) for line in table.lines]


def test_the_status_of_a_section_says_that_it_was_read_and_judges_nothing() -> None:
    details = {"status": "ok", "average_share_used": 1.04, "slope_seconds": 2.01, "used_bytes": 512, "state": "ok"}
    lines = {
        line.label: line for line in named(sections(trouble(rate_limiting_details=details)), "Rate limiting d").lines
    }
    assert (lines["status"].text, lines["status"].severity_style) == ("read", "")
    assert lines["average share used"].text == "104 %"
    assert lines["slope measured over"].text == "2.0 s"
    assert lines["used"].text == "512 B"
    assert (lines["state"].text, lines["state"].severity_style) == ("ok", "ok")


def test_a_unit_is_said_once() -> None:
    assert (label("ttl_seconds"), label("memory_bytes"), label("window_covered_minutes")) == (
        "TTL",
        "memory",
        "window covered",
    )
    assert [figure("covered_minutes", value) for value in (0, 0.03, 8.633, 60)] == [
        "none: nothing was recorded before",
        "1.8 s",
        "8 min 38 s",
        "1 h",
    ]
    assert [measured(*pair) for pair in ((0.605, "share"), (512, "bytes"), (1, "keys"), (2, "keys"), ("no", ""))] == [
        "61 %", "512 B", "1 key", "2 keys", "no",
    ]  # fmt: skip
    assert measured(-2048, "bytes/h") == "-2.0 KB/h"
    assert (samples(1), samples(1200)) == ("1 sample", "1,200 samples")
    assert [figure(name, 1) for name in ("share", "share_of_requests", "shared_with", "hit_rate_trend")] == [
        "100 %",
        "100 %",
        "1",
        "1",
    ]


def test_tests_of_different_shapes_are_one_table_with_the_rest_below() -> None:
    (table,) = [one for one in sections(FLOW) if one.rows]
    assert table.columns == ("test", "status", "response time", "HTTP status")
    below = {line.label: line.text for line in table.lines}
    assert below["cache_integration"] == "data integrity yes"
    assert "average response time 2.2 ms" in below["ai_engine_performance"]
    assert "5 entries" in below["ai_engine_performance"]


def test_no_finding_says_so_and_no_result_says_why() -> None:
    calm = sections(trouble(diagnostics=(), recommendations=(), severity_assessment="none"))
    assert named(calm, "Findings").lines[0].severity_style == "ok"
    error = ToolError(code="bad_argument", message="no such issue", argument="issue_type", allowed=("a", "b"))
    (only,) = sections(ErrorReport(tool="x", timestamp=NOW, error=error))
    assert only.lines[0].text == "no such issue"
    assert ("allowed", "a, b") in [(line.label, line.text) for line in only.lines]


HOSTILE = "\x1b[31m\u202e[red]$x\u200b"


@pytest.mark.parametrize("width", [20, 46, 78, 140])
def test_hostile_names_and_deep_documents_are_safe_lines_of_the_width_that_is_there(width: int) -> None:
    deep: Any = {"end": HOSTILE}
    for _ in range(30):
        deep = {HOSTILE: deep, "list": [1, None, {"a": [HOSTILE]}]}
    report = PerformanceReport(
        tool="analyze_performance_metrics", timestamp=NOW, metric_type="latency", tenant_filter=HOSTILE,
        window_requested_minutes=1, window_covered_minutes=0.0, source="live",
        analysis_results={"deep": deep, "rows": [{HOSTILE: 1, "b": HOSTILE * 99}] * 500, "none": {}, "empty": []},
    )  # fmt: skip
    lines = report_lines(sections(report), width)
    texts = ["".join(text for text, _ in pieces) for pieces in lines]
    assert all(text.isprintable() for text in texts)
    assert max(len(text.rstrip()) for text in texts) <= width
    assert any("300 more" in text for text in texts)


def finding(rule: str, subject: str = "") -> Finding:
    return Finding(rule=rule, severity="high", subject=subject, message="")


def test_a_finding_opens_the_tool_that_explains_it_for_its_own_tenant() -> None:
    report = limits_report(MIXED)
    one = explain(finding("limits.over", "demo_dentist / list_conversations"), report)
    assert (one.tool, one.arguments) == (
        TROUBLE,
        {"issue_type": "rate_limiting", "tenant_id": "demo_dentist"},
    )
    several = explain(finding("limits.immortal", "several counters"), report)
    assert several.arguments["tenant_id"] == "clinic_b"
    assert explain(finding("latency.p95", "engine")).arguments == {"issue_type": "high_latency"}
    assert explain(finding("feed.denied")).tool == COHERENCE
    assert explain(finding("server.unreachable")).tool == HEALTH


def test_a_tenant_that_cannot_be_told_or_written_is_not_guessed() -> None:
    alike = limits_report((counter(b"a\x1b", "chat", 999), counter(rb"a\x1b", "chat", 999)))
    assert explain(finding("limits.over", r"a\x1b / chat"), alike).tool == HEALTH
    broken = limits_report((counter(b"a\xff", "chat", 999),))
    assert explain(finding("limits.over", r"a\xff / chat"), broken).tool == HEALTH
    assert explain(finding("limits.over", "gone / chat"), None).tool == HEALTH


def test_every_errand_of_the_tables_is_a_question_that_its_tool_takes() -> None:
    report = limits_report(MIXED)
    tool_calls = [explain(finding(rule, "demo_dentist"), report) for rule in CATALOGUE]
    tool_calls += [step.tool_call for step in (*registry.routine(TOOLS), *registry.symptoms(TOOLS))]
    for tool_call in tool_calls:
        if tool_call.tool != "generate_enterprise_router":  # it wants a name, which only a person knows
            parse(TOOLS[tool_call.tool].query, tool_call.arguments)
    assert [step.tool_call.tool for step in registry.routine(TOOLS)] == [
        "diagnose_gateway_health", "analyze_performance_metrics", "analyze_cache_coherence",
    ]  # fmt: skip
    assert registry.routine(TOOLS)[2].tool_call.arguments == {"time_window_minutes": 60}
    assert registry.symptoms(()) == ()


def test_copied_lines_become_exactly_these_arguments_in_a_shell() -> None:
    given = {"tenant_id": "it's $(rm -rf ~) ü\n\0*"}
    forms = dict(callings("diagnose_gateway_health", given, Settings(environment="prod eu"), trouble()))
    assert forms["Give it a TTL"] == "redis-cli EXPIRE k 60 NX"
    call = json.loads(forms["MCP call"])
    assert call["params"] == {"name": "diagnose_gateway_health", "arguments": given}
    plain = {"tenant_id": "it's $(x)"}
    forms = dict(callings("diagnose_gateway_health", plain, Settings(environment="prod eu")))
    words = shlex.split(forms["command line"])
    assert words[:5] == ["optimus-tui", "run", "--env", "prod eu", "diagnose_gateway_health"]
    assert json.loads(words[5]) == plain
    assert json.loads(shlex.split(forms["curl to `optimus-tui serve`"])[-1]) == plain


def test_labels_of_severities_take_no_more_room_than_they_need_beside_long_names() -> None:
    named = Fact("≈ 4.1 s", "route /api/conversations/{conversation_id}")
    lines = report_lines([Section(title="x", lines=(Fact("engine is slow", "critical"), named))], 90)
    first, second = ("".join(text for text, _ in line) for line in lines[1:3])
    assert first.index("engine") < 12 and second.index("≈") > 36
    lines = report_lines([Section(title="x", lines=(Fact("engine is slow", "critical"), Fact("x.py", "file")))], 90)
    first, second = ("".join(text for text, _ in line) for line in lines[1:3])
    assert first.index("engine") == second.index("x.py"), "labels that are nearly as long stand in one column"
