"""Why a finding of the health pane is no alarm now: the reason stands there whole, however narrow the pane is."""

import pytest
from rich.cells import cell_len

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.panes.health.lines import finding_lines

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
    reason = "proved fixed at 16:38:46; its figures reach back to before"
    lines = finding_lines(HealthReport(findings=(SLOW,)), width, NOW, {(SLOW.rule, SLOW.subject): reason})
    texts = ["".join(text for text, _ in line.pieces) for line in lines if line.finding]
    assert all(cell_len(text) <= width for text in texts), texts
    assert reason in " ".join(" ".join(texts).split())
