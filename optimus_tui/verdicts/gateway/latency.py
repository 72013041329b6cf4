"""Judge the latency of each dependency, and services that answer and fail by turns. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LATENCY_HALF, LATENCY_NOW, LATENCY_P95, SERVICES_FLAPPING
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.services import Series
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.sorting import worst_first
from optimus_tui.wording.age import age
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


LEAST_FAILED, FAILED_SHARE = 3, 0.15
"""A restart costs a check or two; a smaller share is no flapping."""


def judge_flapping(name: str, looks: Sequence[tuple[float, float]]) -> list[Finding]:
    """Return a finding for a service that fails now and then. ``looks``: (time, 1.0 for a good answer or 0.0)."""
    failed = sum(value < 1 for _, value in looks)
    if len(looks) < MIN_SAMPLES or not max(LEAST_FAILED, FAILED_SHARE * len(looks)) <= failed < len(looks):
        return []
    seconds = looks[-1][0] - looks[0][0]
    found = make_finding(
        rule=SERVICES_FLAPPING,
        subject=name,
        failed=failed,
        count=len(looks),
        span=age(seconds),
        measured=round(failed / len(looks), 4),
        threshold=FAILED_SHARE,
        unit="share",
        samples=len(looks),
        window_seconds=seconds,
    )
    good_again = all(value >= 1 for _, value in looks[-GOOD_AGAIN_CHECKS:])
    if good_again:
        return [as_past(found, phrase(SERVICES_FLAPPING, "good_again", count=GOOD_AGAIN_CHECKS))]
    return [found]
