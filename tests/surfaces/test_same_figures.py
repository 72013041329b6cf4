"""A document reads the same everywhere: each figure of the page on the terminal stands on the screen, and back."""

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from optimus_tui.__main__ import run
from optimus_tui.cli.reports import rendering
from optimus_tui.contract.tools.common import Report
from optimus_tui.contract.tools.traffic import PerformanceReport
from optimus_tui.tools.pages.format_value import is_documented
from optimus_tui.tools.pages.labels import LABELS
from optimus_tui.tools.pages.sections import _is_keyed_by_data, sections
from optimus_tui.tools.registry import TOOLS
from optimus_tui.tui.tools.lists import report_lines
from tests.hostile import HostileServer
from tests.realserver import RealServer
from tests.surfaces.world import GATEWAY
from tests.tool_documents import FLOW
from tests.tool_documents import report as trouble

MOST_DIGITS = 3
"""Significant digits of a figure with decimals."""
WIDE = 2000
"""Columns, so that no surface leaves a column out or breaks a line."""
_FIGURE = re.compile(r"(?<![\w.])(?:[<>≥≤≈~+-] ?)?\d[\d.,:]*(?: (?:%|[A-Za-z]{1,3}\b))?(?:/\w{1,3})?(?![\w.])|\?|–")


def figures(text: str) -> Counter[str]:
    """Return each figure of the text with its unit, and how often it stands there."""
    return Counter(found for line in text.splitlines() for found in _FIGURE.findall(line))


def keys_of(value: Any, by_data: bool = False) -> set[str]:
    """Return all keys of a document but those that are names of others: tenants, routes, kinds."""
    if isinstance(value, (list, tuple)):
        return set().union(*(keys_of(one) for one in value))
    if not isinstance(value, dict):
        return set()
    found = set() if by_data else {key for key in value if is_documented(key)}
    return found.union(
        *(keys_of(inner, _is_keyed_by_data(key)) for key, inner in value.items() if key != "ttl_histogram")
    )


def keys_of_schema(schema: Any) -> set[str]:
    """Return the names of all properties that a schema describes, at any depth."""
    inner = schema if isinstance(schema, list) else []
    found: set[str] = set()
    if isinstance(schema, dict):
        found, inner = set(schema.get("properties", ())), list(schema.values())
    return found.union(*(keys_of_schema(one) for one in inner))


@pytest.mark.parametrize("tool", list(TOOLS))
def test_each_key_of_an_answer_has_a_label_for_people(tool: str) -> None:
    keys = keys_of_schema(TOOLS[tool].output_schema()) | keys_of_schema(TOOLS[tool].input_schema())
    assert sorted(keys - LABELS.keys()) == []
    named = {key: LABELS[key] for key in keys}
    assert not {key: words for key, words in named.items() if "_" in words or not words}


def digits_of(figure: str) -> int:
    """Return the significant digits of a figure with decimals; 0 for whole numbers and for versions."""
    number = figure.strip("<>≥≤≈~+- ").split(" ")[0]
    if number.count(".") != 1:
        return 0
    return len(re.sub(r"\D", "", number).lstrip("0"))


def on_the_terminal(report: Report) -> str:
    """Return the page below its first line, which is the verdict and the time."""
    console = Console(file=io.StringIO(), width=WIDE, markup=False, highlight=False, emoji=False)
    rendering.render(report, console, WIDE)
    assert isinstance(console.file, io.StringIO)
    page = console.file.getvalue().partition("\n")[2]
    return re.sub(r"(?m)^ *\d+\. ", "", page)  # what is to do is numbered on the terminal only


def on_the_screen(report: Report) -> str:
    return "\n".join("".join(text for text, _ in line) for line in report_lines(sections(report), WIDE))


def same(report: Report) -> None:
    page, screen = on_the_terminal(report), on_the_screen(report)
    headings = re.compile(r"(?m)^(?:Findings|To do) \([\d,]+\) *$")
    terminal, dashboard = figures(headings.sub("", page)), figures(headings.sub("", screen))
    longest = [found for found in terminal if digits_of(found) > MOST_DIGITS]
    assert not longest, f"more digits than anybody needs: {longest}"
    assert terminal == dashboard, (
        f"only on the terminal {terminal - dashboard}, only on the screen {dashboard - terminal}"
    )


def performance(results: dict[str, Any]) -> PerformanceReport:
    return PerformanceReport(
        tool="analyze_performance_metrics", timestamp="2026-11-22T10:00:00Z", metric_type="error_rate",
        tenant_filter=None, window_requested_minutes=60, window_covered_minutes=8.6, source="live",
        analysis_results=results,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"error_rate": 0.05, "refused_rate": 0.0234}, {"5 %", "2.3 %"}),
        ({"error_ratio": 0.0234, "more": {"error_rate": 0.05, "deeper": {"error_ratio": 0.1}}}, {"2.3 %", "5 %"}),
        ({"by_tenant": {"error_rate": 0.05, "x_ms": 12, "hit_rate": 2}}, {"0.05", "12", "2"}),
        ({"by_kind": {f"kind {number}": {"latency_ms": 1.25, "ttl_seconds": 90} for number in range(3)}}, {"1.3 ms"}),
        ({"rows": [{"error_rate": 0.05, "inner": {"error_ratio": 0.0234, "more": [1, {"a_ms": 5}]}}]}, {"5 %"}),
        ({"list": [0.05, None, [1, 2]], "none": None, "nothing": [], "part": {"status": "x", "samples": None}}, set()),
    ],
)  # fmt: skip
def test_a_share_reads_as_a_share_and_a_name_of_a_tenant_gives_no_unit(
    results: dict[str, Any], expected: set[str]
) -> None:
    document = performance(results)
    assert expected <= figures(on_the_terminal(document)).keys()
    assert expected <= figures(on_the_screen(document)).keys()
    same(document)


def test_written_documents_have_the_same_figures() -> None:
    same(FLOW)
    same(trouble("acme"))
    same(trouble())


@pytest.mark.parametrize("tool", list(TOOLS))
def test_every_tool_has_the_same_figures_on_the_terminal_and_on_the_screen(
    tool: str,
    world: HostileServer,
    server: RealServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.command("SET", "rate_limit:acme:chat", "150")
    server.command("SET", "rate_limit:acme:export", "12", "EX", "3600")
    server.command("SET", "cache:conversation:acme:1", "x" * 2000)
    seen: list[Report] = []
    monkeypatch.setattr("optimus_tui.cli.reports.rendering.render", seen.append)
    monkeypatch.setattr("optimus_tui.cli.tools._on_terminal", lambda: True)
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_PATH", str(GATEWAY))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    variants: dict[str, list[list[str]]] = {
        "troubleshoot_production_issue": [
            ["--set", f"issue_type={issue}"]
            for issue in ("rate_limiting", "cache_miss", "circuit_breaker", "high_latency", "memory_leak")
        ],
        "analyze_performance_metrics": [
            ["--set", f"metric_type={metric}"]
            for metric in ("latency", "throughput", "error_rate", "cache_performance", "rate_limiting_efficiency")
        ],
        "generate_enterprise_router": [["--set", "router_name=products"]],
        "validate_enterprise_patterns": [["--set", "check_all_routers=true"]],
    }
    asked = variants.get(tool, [[]])
    for arguments in asked:
        assert run(["run", tool, *arguments]) in (0, 1)
    monkeypatch.undo()
    assert len(seen) == len(asked)
    for report in seen:
        same(report)
        assert " ".join(sorted(keys_of(msgspec.to_builtins(report)) - LABELS.keys())) == ""
