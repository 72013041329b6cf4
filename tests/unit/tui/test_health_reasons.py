"""Why a finding of the health pane is no alarm now: the reason stands there whole, however narrow the pane is."""

from collections.abc import Hashable

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.panes.health.finding_lines import QuietReason, finding_lines
from optimus_tui.verdicts.hysteresis import NOT_NOW

NOW = 1_700_000_000.0
SLOW = Finding(
    rule="latency.p95",
    severity="high",
    subject="route /api/conversations/{conversation_id}/messages",
    message="route /api/conversations/{conversation_id}/messages p95 1.7 s is over 1.0 s",
    since=NOW - 90,
    samples=400,
)


@pytest.mark.parametrize("width", [36, 48, 60, 72, 140])
def test_a_reason_is_never_cut(width: int) -> None:
    reason = "fixed at 16:38:46, being watched"
    lines = finding_lines(
        HealthReport(findings=(SLOW,)), width, NOW, {(SLOW.rule, SLOW.subject): QuietReason(reason, is_fixed=True)}
    )
    texts = ["".join(text for text, _ in line.pieces) for line in lines if line.finding]
    assert all(cell_len(text) <= width for text in texts), texts
    shown = " ".join(" ".join(texts).split())
    assert shown.startswith(f"✓ fixed {SLOW.message}"[:12]) and reason.removeprefix("fixed ") in shown


def test_a_held_finding_that_is_proved_fixed_says_what_it_was_and_not_how_many_windows_had_it() -> None:
    held = replace(SLOW, held=True, message=f"{NOT_NOW}in 5 of the last 5 windows: {SLOW.message}")
    fixed: dict[Hashable, QuietReason] = {
        (SLOW.rule, SLOW.subject): QuietReason("fixed at 16:38:46, being watched", is_fixed=True)
    }
    first, *_ = finding_lines(HealthReport(findings=(held,)), 140, NOW, fixed)
    told = "".join(text for text, _ in first.pieces)
    assert told.startswith(f"✓ fixed  {SLOW.message}") and "windows" not in told
    effect = replace(
        held, caused_by=("events.flood", "feed"), below_cause=f"{held.message}; it began 9 s after its cause"
    )
    first, *_ = finding_lines(HealthReport(findings=(effect,)), 140, NOW, fixed)
    assert "windows" not in "".join(text for text, _ in first.pieces), "an effect neither"
    muted: dict[Hashable, QuietReason] = {(SLOW.rule, SLOW.subject): QuietReason("muted")}
    first, *_ = finding_lines(HealthReport(findings=(held,)), 140, NOW, muted)
    assert first.pieces[1][0].startswith(NOT_NOW)
