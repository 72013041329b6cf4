"""Judges the latency of each dependency over the last ten minutes. Pure; milliseconds."""

from collections.abc import Mapping

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.health import Series
from optimus_tui.settings.model import Thresholds
from optimus_tui.wording.numbers import latency

MIN_SAMPLES = 5
"""A p95 of fewer samples is only their maximum."""
WINDOW_SECONDS = 600.0


def judge(history: Mapping[str, Series], thresholds: Thresholds) -> list[Finding]:
    """A finding for each dependency whose p95 is over 500 ms (medium) or 1,000 ms (high, by default)."""
    findings = []
    for name, series in history.items():
        if series.p95 is None or series.samples < MIN_SAMPLES or series.p95 <= thresholds.latency_good_ms:
            continue
        poor = series.p95 > thresholds.latency_poor_ms
        bar = thresholds.latency_poor_ms if poor else thresholds.latency_good_ms
        findings.append(
            Finding(
                rule="latency.p95",
                severity="high" if poor else "medium",
                subject=name,
                message=f"{name} p95 {latency(series.p95)} is over {latency(bar)}",
                measured=series.p95,
                threshold=bar,
                unit="ms",
                samples=series.samples,
                window_seconds=WINDOW_SECONDS,
                impact=f"One request in twenty to {name} takes longer than this."
                + (" Callers may run into their timeouts." if poor else ""),
                remedy=f"See what {name} waits for; compare with the other dependencies' latency in the same minutes.",
            )
        )
    return findings
