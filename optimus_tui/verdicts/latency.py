"""Judges the latency of each dependency: over the last ten minutes, and over the last few looks. Pure; milliseconds.

The p95 of ten minutes is slow to turn red and slow to forget, so the newest looks count beside it. A dependency that is
slow in each of the last ``NOW_LOOKS`` is a finding at once (``latency.now``); while there are fewer looks than a p95
needs, so is one that was slow in each of them, from two on: what is slower than a second never has five looks within
one answer. One that was quick in each of the last
``CURED_LOOKS`` keeps its p95 finding, but as a low one: what callers suffered minutes ago is told, and no longer an
alarm. Each dependency has one finding, the worse of the two, the p95 where they are equal. Series without newest looks
(a window of the past) are judged by their p95 alone.
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
FEW_LOOKS = 2
"""Where nobody has more, this many slow looks of as many are evidence; one is not."""
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
    needed = FEW_LOOKS if series.samples < MIN_SAMPLES else NOW_LOOKS
    if len(newest) < needed or min(newest) <= thresholds.latency_good_ms:
        return []
    quickest = min(newest)
    poor = quickest > thresholds.latency_poor_ms
    bar = thresholds.latency_poor_ms if poor else thresholds.latency_good_ms
    return [
        Finding(
            rule="latency.now",
            severity="high" if poor else "medium",
            subject=name,
            message=f"{name} over {latency(bar)} {_looks(len(newest))}, now {latency(newest[-1])}",
            measured=quickest,
            threshold=bar,
            unit="ms",
            samples=len(newest),
            impact=f"Every request to {name} takes longer than this at present."
            + (" Callers may run into their timeouts." if poor else ""),
            remedy=f"See what {name} waits for now: its load, its own dependencies, its last deployment.",
        )
    ]


def _looks(number: int) -> str:
    return f"for the last {number} looks" if number >= NOW_LOOKS else f"in {number} of {number} looks"


def judge_half(name: str, p50_ms: float | None, requests: float, thresholds: Thresholds) -> list[Finding]:
    """A finding where half of a few requests were slow: too few for a p95, and more than two slow ones of two."""
    if p50_ms is None or requests < MIN_SAMPLES or p50_ms <= thresholds.latency_good_ms:
        return []
    poor = p50_ms > thresholds.latency_poor_ms
    bar = thresholds.latency_poor_ms if poor else thresholds.latency_good_ms
    return [
        Finding(
            rule="latency.half",
            severity="high" if poor else "medium",
            subject=name,
            message=f"half of {requests:,.0f} requests to {name} took over {latency(bar)} (p50 {latency(p50_ms)})",
            measured=p50_ms,
            threshold=bar,
            unit="ms",
            samples=round(requests),
            impact=f"Every other request to {name} takes longer than this.",
            remedy=f"See what {name} waits for; compare with the other dependencies' latency in the same minutes.",
        )
    ]
