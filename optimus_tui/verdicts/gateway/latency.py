"""Judges the latency of each dependency: over the last ten minutes, and over the last few samples. Pure; milliseconds.

The p95 of ten minutes is slow to turn red and slow to forget, so the newest samples count beside it. A dependency that
is slow in each of the last ``NOW_CHECKS`` is a finding at once (``latency.now``); while there are fewer samples than a
p95 needs, so is one that was slow in each of them, from two on: what is slower than a second never has five samples
within one answer. One that was quick in each of the last ``GOOD_AGAIN_CHECKS`` keeps its p95 finding, but as a low one:
what callers suffered minutes ago is reported, but is no longer an alarm. Each dependency has one finding, the worse of
the two, the p95 where they are equal. Series without newest samples (a window of the past) are judged by their p95
alone.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LATENCY_HALF, LATENCY_NOW, LATENCY_P95
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.health import Series
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.sorting import worst_first
from optimus_tui.wording.numbers import latency, part_of

MIN_SAMPLES = 5
"""A p95 of fewer samples is only their maximum."""
SURE_SAMPLES = 20
"""From here on a p95 is over a bar only where two samples are."""
WINDOW_SECONDS = 600.0
NOW_CHECKS = 5
FEW_CHECKS = 2
"""Where nobody has more, this many slow samples of as many are evidence; one is not."""
GOOD_AGAIN_CHECKS = 15
"""Half a minute at the usual pace; fewer would call a service cured that is slow one time in ten."""


def judge(history: Mapping[str, Series], thresholds: Thresholds) -> list[Finding]:
    """Return at most one finding for each dependency: by default over 500 ms medium, over 1,000 ms high."""
    findings: list[Finding] = []
    for name, series in history.items():
        findings += worst_first([*_over_window(name, series, thresholds), *_now(name, series, thresholds)])[:1]
    return findings


def as_past(finding: Finding, words: str) -> Finding:
    """Return the finding as a low one of the past. ``words`` say what is quick again."""
    return replace(finding, severity="low", message=f"{finding.message}; {words}")


class _Bar(NamedTuple):
    """The bar that a latency is over, how bad that is, and what the impact says of it beside."""

    ms: float
    severity: Severity
    timeouts: str


def _bar_below(ms: float | None, thresholds: Thresholds) -> _Bar | None:
    """The highest bar that the latency is over; None where it is good, or unknown."""
    if ms is None or ms <= thresholds.latency_good_ms:
        return None
    if ms > thresholds.latency_poor_ms:
        return _Bar(thresholds.latency_poor_ms, "high", phrase(LATENCY_P95, "timeouts"))
    return _Bar(thresholds.latency_good_ms, "medium", "")


def _over_window(name: str, series: Series, thresholds: Thresholds) -> list[Finding]:
    bar = _bar_below(series.p95, thresholds)
    if bar is None or series.samples < MIN_SAMPLES:
        return []
    newest = series.latest[-GOOD_AGAIN_CHECKS:]
    cured = len(newest) == GOOD_AGAIN_CHECKS and max(newest) <= thresholds.latency_good_ms
    if cured:
        severity: Severity = "low"
        rest = phrase(LATENCY_P95, "quick_again", count=GOOD_AGAIN_CHECKS)
    else:
        severity = _sure(bar.severity, series, thresholds)
        rest = ""
        if severity == "low":
            rest = phrase(LATENCY_P95, "one_slow", count=series.samples)
    return [
        make_finding(
            rule=LATENCY_P95,
            severity=severity,
            subject=name,
            p95=latency(series.p95),
            limit=latency(bar.ms),
            rest=rest,
            timeouts=bar.timeouts,
            measured=series.p95,
            threshold=bar.ms,
            unit="ms",
            samples=series.samples,
            window_seconds=WINDOW_SECONDS,
        )
    ]


def _sure(severity: Severity, series: Series, thresholds: Thresholds) -> Severity:
    """How bad it is by two samples at least: of fewer than ``SURE_SAMPLES`` the p95 is only the slowest one."""
    if series.samples >= SURE_SAMPLES or len(series.latest) < FEW_CHECKS:
        return severity
    second = _bar_below(sorted(series.latest)[-FEW_CHECKS], thresholds)
    if second is not None:
        return second.severity
    return "low"


def _now(name: str, series: Series, thresholds: Thresholds) -> list[Finding]:
    newest = series.latest[-NOW_CHECKS:]
    quickest = min(newest, default=None)
    bar = _bar_below(quickest, thresholds)
    if bar is None or len(newest) < (FEW_CHECKS if series.samples < MIN_SAMPLES else NOW_CHECKS):
        return []
    return [
        make_finding(
            rule=LATENCY_NOW,
            severity=bar.severity,
            subject=name,
            limit=latency(bar.ms),
            when=_checks(len(newest)),
            now=latency(newest[-1]),
            timeouts=bar.timeouts,
            measured=quickest,
            threshold=bar.ms,
            unit="ms",
            samples=len(newest),
        )
    ]


def _checks(number: int) -> str:
    if number >= NOW_CHECKS:
        return phrase(LATENCY_NOW, "last", count=number)
    return phrase(LATENCY_NOW, "each", checks=part_of(number, number, "check"))


def judge_half(name: str, p50_ms: float | None, words: str, requests: float, thresholds: Thresholds) -> list[Finding]:
    """Return a finding if half of a few requests were slow, too few for a p95. ``words`` is the estimated p50."""
    bar = _bar_below(p50_ms, thresholds)
    if bar is None or requests < MIN_SAMPLES:
        return []
    return [
        make_finding(
            rule=LATENCY_HALF,
            severity=bar.severity,
            subject=name,
            count=round(requests),
            limit=latency(bar.ms),
            p50=words,
            measured=p50_ms,
            measured_words=words,
            threshold=bar.ms,
            unit="ms",
            samples=round(requests),
        )
    ]
