"""What is not judged yet is called so wherever its verdict stands: a system that starts, and first signs of trouble."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from optimus_tui.cli.record import Heard
from optimus_tui.cli.reports.rendering import render
from optimus_tui.cli.reports.standup_page import lines, page
from optimus_tui.contract.findings import Finding, Overall
from optimus_tui.contract.services import HealthReport
from optimus_tui.contract.tools.state import (
    CachePart,
    EventsPart,
    LimitsPart,
    RedisPart,
    ServicePart,
    StandupFinding,
    StandupReport,
)
from optimus_tui.settings.model import Settings
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.tui.dashboard.status_line import status_words
from optimus_tui.tui.panes.health.verdict import verdict_of
from optimus_tui.verdicts.gateway.latency import find_cold_start
from optimus_tui.workflow.outcomes import outline
from tests.tool_documents import trouble

COLD = tuple(find_cold_start("gateway", 1_795_000_000.0, 1_795_000_012.0))
SLOW = Finding(rule="latency.p95", severity="medium", subject="engine", message="engine p95 is over 500 ms")


class Book:
    """Takes reports and does nothing with them."""

    def take(self, report: HealthReport) -> tuple[()]:
        return ()


def words(overall: Overall, findings: tuple[Finding, ...]) -> dict[str, str]:
    """Return what each surface says."""
    report = HealthReport(findings=findings, overall=overall)
    _, right = status_words(Settings(), None, verdict_of(report), 0.0, 0.0, 80)
    document = msgspec.structs.replace(
        trouble(), severity_assessment=overall, diagnostics=diagnostics(findings), recommendations=()
    )
    made: dict[str, Any] = msgspec.to_builtins(document)
    console = Console(file=io.StringIO(), width=100, markup=False, highlight=False)
    render(document, console)
    assert isinstance(console.file, io.StringIO)
    service = ServicePart(status="unknown")
    standup = StandupReport(
        tool="standup", timestamp="2026-11-22T10:00:00Z", environment="prod", since=None, window_minutes=60,
        overall_status=overall, gateway=service, engine=service, redis=RedisPart(status="unknown"),
        limits=LimitsPart(), cache=CachePart(), events=EventsPart(),
        findings=tuple(
            StandupFinding(severity=one.severity, message=one.message, rule=one.rule, subject=one.subject)
            for one in findings
        ),
    )  # fmt: skip
    heard = Heard(Book())  # type: ignore[arg-type]
    heard.take("health", report)
    return {
        "recorder": heard.words(),
        "header and health pane": right[0][0],
        "command line": console.file.getvalue().splitlines()[0],
        "incident": outline(made).verdict,
        "stand-up": lines(standup)[1],
        "stand-up, HTML": page(standup, {}).partition("<h1>")[2].partition("</h1>")[0],
    }


@pytest.mark.parametrize(
    ("overall", "findings", "word"),
    [
        ("healthy", COLD, "warming up"),
        ("healthy", (), "healthy"),
        ("needs_attention", (SLOW, *COLD), "needs attention"),
        ("unknown", COLD, "unknown"),
    ],
)
def test_every_surface_has_the_same_word(overall: Overall, findings: tuple[Finding, ...], word: str) -> None:
    for surface, said in words(overall, findings).items():
        assert word in said.lower().replace("_", " "), surface
        assert (word == "healthy") == ("healthy" in said.lower()), surface


SIGNS = msgspec.structs.replace(SLOW, severity="low", first_signs="judged at 10:30:20")


@pytest.mark.parametrize("others", [(), COLD])
def test_first_signs_that_are_not_judged_yet_are_watched_and_not_healthy(others: tuple[Finding, ...]) -> None:
    told = words("healthy", (SIGNS, *others))
    for surface in ("recorder", "header and health pane"):  # the others look once, and judge what they see
        assert "watching" in told[surface].lower() and "healthy" not in told[surface].lower(), surface
    judged = words("needs_attention", (SIGNS, SLOW))
    assert "needs attention" in judged["recorder"].lower(), "what is judged comes first"
    explained = {(SIGNS.rule, SIGNS.subject)}
    assert verdict_of(HealthReport(findings=(SIGNS,), overall="healthy"), explained).word == "SETTLING"


def test_a_system_settles_while_all_that_needs_attention_is_explained_by_what_was_done() -> None:
    beside = Finding(rule="events.flood", severity="medium", subject="feed", message="1,523 events a second")
    explained = {(SLOW.rule, SLOW.subject)}
    for overall in ("needs_attention", "critical"):
        assert verdict_of(HealthReport(findings=(SLOW,), overall=overall), explained).word == "SETTLING"
        assert verdict_of(HealthReport(findings=(SLOW, beside), overall=overall), explained).word != "SETTLING"
        assert verdict_of(HealthReport(findings=(), overall=overall), explained).word != "SETTLING", (
            "no reason is known"
        )
    assert verdict_of(HealthReport(findings=COLD, overall="healthy"), explained).word == "WARMING UP"
