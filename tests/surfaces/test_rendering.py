"""A tool's document as a page: findings first, aligned, within the width, and every text inert."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from optimus_tui.__main__ import run
from optimus_tui.cli.reports.rendering import render
from optimus_tui.contract.tools.common import Report
from optimus_tui.contract.tools.state import LimitSection
from optimus_tui.contract.tools.traffic import PerformanceReport, TroubleshootReport
from optimus_tui.tools.pages.format_value import figure, label
from optimus_tui.tools.registry import TOOLS
from tests.hostile import HostileServer
from tests.realserver import RealServer
from tests.steps import steps_of
from tests.surfaces.world import GATEWAY
from tests.terminal import Terminal
from tests.tool_documents import COMMAND, FLOW, report


def page(report: Report, width: int = 80, colour: bool = True) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, markup=False, highlight=False, emoji=False
    )
    render(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_hostile_text_is_literal_and_harmless_rows_1_to_16() -> None:
    shown = page(report())
    bare = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert all(char.isprintable() or char == "\n" for char in bare)
    assert "[@click=app.quit]x[/]" in " ".join(bare.split())
    assert "\\x1b]52" in bare


def test_the_verdict_comes_first_then_the_findings_then_figures_then_what_to_do() -> None:
    shown = page(report("acme"), colour=False)
    places = [shown.index(words) for words in ("CRITICAL", "never resets", "Rate limiting analysis", "To do (1)")]
    assert places == sorted(places)
    assert "demo_dentist" in shown and "1.0 s" in shown and "50 %" in shown and "1,500" in shown


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_but_a_command_that_may_be_copied(width: int) -> None:
    lines = page(report(), width, colour=False).splitlines()
    assert [line.strip() for line in lines if cell_len(line) > min(width, 120)] == [COMMAND]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_word_is_shattered_and_what_only_one_test_knows_stands_below(width: int) -> None:
    shown = page(FLOW, width, colour=False)
    words = shown.split()
    for word in ("ai_engine_performance", "full_integration_flow", "response", "average", "entries", "successful"):
        assert any(word in one for one in words), word
    table = shown[shown.index("Tests performed") :].splitlines()
    assert table[1].split() == ["test", "status", "response", "time", "HTTP", "status"]
    assert table[2].split() == ["ai_engine_health", "pass", "4.0", "ms", "200"]
    assert "ai_engine_performance: total requests 5" in shown


SERVICES = {
    name: {"samples": 5, "average_ms": 5.4, "p50_ms": 5.0, "p95_ms": 8.3, "p99_ms": 8.3, "max_ms": 8.3, "failed": 0,
           "covered_minutes": 0.0, "source": "live"} for name in ("gateway", "engine")
}  # fmt: skip


@pytest.mark.parametrize(("width", "left_out"), [(80, "covered, source"), (60, "failed, covered, source"), (100, "")])
def test_columns_that_do_not_fit_are_left_out_from_the_right_and_named(width: int, left_out: str) -> None:
    shown = page(performance({"services": SERVICES}), width, colour=False)
    assert "average" in shown and "samples" in shown
    said = [line.strip() for line in shown.splitlines() if "want of room" in line]
    assert said == ([f"not shown for want of room: {left_out}"] if left_out else [])


def test_a_long_name_goes_on_below_and_is_broken_behind_a_slash() -> None:
    route = "/api/conversations/{conversation_id}/attachments/{attachment_id}/export"
    rows = [{"route": route, "requests": 2, "average_ms": 4.4, "p50_ms": 3.0, "p95_ms": 8.0, "p99_ms": 9.0}]
    lines = page(performance({"rows": rows}), 80, colour=False).splitlines()
    at = next(at for at, one in enumerate(lines) if "/api/" in one)
    parts = [one.split()[0] for one in lines[at : at + 4]]
    assert "".join(parts) == route and all(part.endswith("/") for part in parts[:-1])
    assert "9.0 ms" in lines[at] and "…" not in "".join(lines)


def test_units_are_said_once_and_a_read_section_is_not_praised() -> None:
    shown = page(performance({"status": "ok", "headroom": {"status": "ok", "average_share_used": 1.04}}), colour=False)
    assert ["status", "read"] in [line.split() for line in shown.splitlines()] and "ok" not in shown.split()
    assert "104 %" in shown and "8 min 38 s" in shown
    shown = " ".join(page(report("acme"), colour=False).split())
    assert (
        "no TTL · 1 sample " in shown and "never" in shown and "yes" not in shown.split("examined")[0].split("acme")[-1]
    )


def test_names_of_others_are_not_renamed() -> None:
    shown = page(performance({"refilled": {"cache:list_messages:demo_dentist": 11, "x_ms:y_ms": 5}}), colour=False)
    assert "refilled  cache:list_messages:demo_dentist 11 · x_ms:y_ms 5" in shown


def performance(results: dict[str, Any]) -> PerformanceReport:
    return PerformanceReport(
        tool="analyze_performance_metrics", timestamp="2026-11-22T10:00:00Z", metric_type="latency", tenant_filter=None,
        window_requested_minutes=60, window_covered_minutes=8.633, source="live", analysis_results=results,
    )  # fmt: skip


def test_a_key_says_its_unit_in_words() -> None:
    assert (label("average_latency_ms"), figure("average_latency_ms", 45.2)) == ("average latency", "45 ms")
    assert (figure("hit_rate", 0.85), figure("memory_bytes", 1024), figure("x", None)) == ("85 %", "1.0 KB", "?")
    assert (figure("x", True), figure("x", 1247), figure("ttl_seconds", 41)) == ("yes", "1,247", "0:41")
    assert figure("x", [{"a": 1}, {"a": 2}]) == "2 entries"


@pytest.mark.parametrize("tool", list(TOOLS))
def test_every_tool_has_a_page_on_a_terminal(
    tool: str,
    world: HostileServer,
    server: RealServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.command("SET", b"rate_limit:\xff\x1b[2J:chat", "150")
    server.command("SET", "cache:conversation:[/x]:1", "150")
    monkeypatch.setattr("optimus_tui.cli.tools._on_terminal", lambda: True)
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_PATH", str(GATEWAY))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    needed = {
        "troubleshoot_production_issue": "issue_type=rate_limiting",
        "generate_enterprise_router": "router_name=products",
        "validate_enterprise_patterns": "check_all_routers=true",
    }
    arguments = ["--set", needed[tool]] if tool in needed else []
    assert run(["run", tool, *arguments]) in (0, 1)
    shown = capsys.readouterr().out
    assert tool in shown.splitlines()[0]
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_on_a_real_terminal_it_is_a_page_and_with_json_a_document(world: HostileServer) -> None:
    terminal = Terminal.optimus("run", "diagnose_gateway_health", rows=90)  # the page is read from its top
    try:
        assert "HEALTHY" in terminal.wait_for("total limit keys")
        assert terminal.wait_exit() == 0
    finally:
        terminal.close()
    terminal = Terminal.optimus("run", "diagnose_gateway_health", "--json")
    try:
        terminal.wait_for('"diagnostics"')
        assert terminal.wait_exit() == 0
    finally:
        terminal.close()


def test_a_page_is_made_in_a_few_steps_a_limit() -> None:
    large = {f"t{number}": LimitSection(current_count=1, ttl_seconds=1) for number in range(20_000)}
    one = TroubleshootReport(
        **{**{f: getattr(report(), f) for f in report().__struct_fields__}, "rate_limiting_analysis": large}
    )
    text, steps = steps_of(lambda: page(one))
    assert "19,980 more" in text and steps <= 100 * 20_000
