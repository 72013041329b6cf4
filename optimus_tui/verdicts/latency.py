"""Judges the latency of each dependency: over the last ten minutes, and over the last few looks. Pure; milliseconds.

The p95 of ten minutes is slow to turn red and slow to forget, so the newest looks count beside it. A dependency that is
slow in each of the last ``NOW_LOOKS`` is a finding at once (``latency.now``). One that was quick in each of the last
``CURED_LOOKS`` keeps its p95 finding, but as a low one: what callers suffered minutes ago is told, and no longer an
alarm. Each dependency has one finding, the worse of the two, the p95 where they are equal. Series without newest looks
(a window of the past, a burst) are judged by their p95 alone.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.health import Series
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.order import worst_first
from optimus_tui.wording.numbers import latency

MIN_SAMPLES = 5
"""A p95 of fewer samples is only their maximum."""
WINDOW_SECONDS = 600.0
NOW_LOOKS = 5
CURED_LOOKS = 15
"""Half a minute at the usual pace; fewer would call a service cured that is slow one time in ten."""


def judge(history: Mapping[str, Series], thresholds: Thresholds) -> list[Finding]:
    """At most one finding a dependency: over 500 ms medium, over 1,000 ms high (by default)."""
    findings: list[Finding] = []
    for name, series in history.items():
        findings += worst_first([*_over_window(name, series, thresholds), *_now(name, series, thresholds)])[:1]
    return findings


def eased(finding: Finding, words: str) -> Finding:
    """The same as something of the past: told, and no longer an alarm. ``words`` say what is quick again."""
    return replace(finding, severity="low", message=f"{finding.message}; {words}")


def _over_window(name: str, series: Series, thresholds: Thresholds) -> list[Finding]:
    if series.p95 is None or series.samples < MIN_SAMPLES or series.p95 <= thresholds.latency_good_ms:
        return []
    poor = series.p95 > thresholds.latency_poor_ms
    bar = thresholds.latency_poor_ms if poor else thresholds.latency_good_ms
    newest = series.latest[-CURED_LOOKS:]
    cured = len(newest) == CURED_LOOKS and max(newest) <= thresholds.latency_good_ms
    return [
        Finding(
            rule="latency.p95",
            severity="low" if cured else "high" if poor else "medium",
            subject=name,
            message=f"{name} p95 {latency(series.p95)} is over {latency(bar)}"
            + (f"; quick again in the last {CURED_LOOKS} looks" if cured else ""),
            measured=series.p95,
            threshold=bar,
            unit="ms",
            samples=series.samples,
            window_seconds=WINDOW_SECONDS,
            impact=f"One request in twenty to {name} takes longer than this."
            + (" Callers may run into their timeouts." if poor else ""),
            remedy=f"See what {name} waits for; compare with the other dependencies' latency in the same minutes.",
        )
    ]


def _now(name: str, series: Series, thresholds: Thresholds) -> list[Finding]:
    newest = series.latest[-NOW_LOOKS:]
    if len(newest) < NOW_LOOKS or min(newest) <= thresholds.latency_good_ms:
        return []
    quickest = min(newest)
    poor = quickest > thresholds.latency_poor_ms
    bar = thresholds.latency_poor_ms if poor else thresholds.latency_good_ms
    return [
        Finding(
            rule="latency.now",
            severity="high" if poor else "medium",
            subject=name,
            message=f"{name} over {latency(bar)} for the last {NOW_LOOKS} looks, now {latency(newest[-1])}",
            measured=quickest,
            threshold=bar,
            unit="ms",
            samples=NOW_LOOKS,
            impact=f"Every request to {name} takes longer than this at present."
            + (" Callers may run into their timeouts." if poor else ""),
            remedy=f"See what {name} waits for now: its load, its own dependencies, its last deployment.",
        )
    ]
