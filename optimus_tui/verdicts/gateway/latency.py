"""Judge the latency of each dependency, its histograms and slow routes, and services that fail now and then. Pure."""

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    LATENCY_COLD_START,
    LATENCY_FEW,
    LATENCY_HALF,
    LATENCY_NOW,
    LATENCY_P95,
    SERVICES_FLAPPING,
)
from optimus_tui.contract.findings import PAST, Finding, Severity, worst_first
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.percentiles import is_known
from optimus_tui.contract.services import Series, Spread, warm_from
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.statistics import CERTAIN_SAMPLES, figures
from optimus_tui.wording.numbers import age, clock, latency, part_of, plural

MIN_SAMPLES = 5
"""Of fewer samples nothing is said but that all of them were slow."""
WINDOW_SECONDS = 600.0
NOW_CHECKS = 5
FEW_CHECKS = 2
"""Where nobody has more, this many slow samples of as many are evidence; one is not."""
GOOD_AGAIN_CHECKS = 15
"""Half a minute at the usual pace; fewer would call a service cured that is slow one time in ten."""
LEAST_FAILED, FAILED_SHARE = 3, 0.15
"""A restart costs a check or two; a smaller share is not flapping."""
WIDE, NARROW = 2.6, 1.5
"""Upper edge over lower edge. The usual buckets (0.1, 0.25, 0.5, 1, 2.5 …) are not wide and not narrow."""
HISTOGRAM = "histogram"
"""What a document's ``percentiles_from`` says where they are interpolated within buckets."""
QUICK_SECONDS = 0.1
"""Within the first bucket up to this, how exact does not matter."""


def judge(history: Mapping[str, Series], thresholds: Thresholds, *, watched: bool = False) -> list[Finding]:
    """Return at most one finding for each dependency: by default over 500 ms medium, over 1,000 ms high.

    Of two that are equally bad, the one about the present is returned. It is certain at once; a p95 of many samples is,
    too. ``watched``: more samples follow soon, so that two slow ones do not decide.
    """
    findings: list[Finding] = []
    for name, series in history.items():
        now = _now(name, series, thresholds, watched=watched)
        window = _over_window(name, series, thresholds, watched=watched)
        is_certain = any((one.samples or 0) >= CERTAIN_SAMPLES for one in window)
        both = [*window, *now] if is_certain else [*now, *window]
        findings += worst_first(both)[:1]
    return findings


def find_cold_start(name: str, started: float | None, now: float, first_seen: float | None = None) -> list[Finding]:
    """Return a note that a service has just started. All times are wall-clock seconds."""
    if started is None:
        return []
    warm = warm_from(started, first_seen)
    if not started <= now < warm:
        return []
    return [
        make_finding(
            rule=LATENCY_COLD_START,
            subject=name,
            started=clock(started),
            judged=clock(warm),
            measured=round(now - started, 1),
            threshold=round(warm - started, 1),
            unit="s",
        )
    ]


def as_past(finding: Finding, words: str, seconds: float | None = None) -> Finding:
    """Return the finding as a low one of the past. The sentence begins with that, because its end may be cut.

    Args:
        finding: The finding without the latest requests.
        words: What is good again.
        seconds: For how many seconds that is proved.
    """
    message = f"{PAST}{finding.message}; {words}"
    return replace(finding, severity="low", message=message, ended=words, proved_seconds=seconds)


class _Bar(NamedTuple):
    """The bar that a latency is over, how bad that is, and what the impact says of it beside."""

    ms: float
    severity: Severity
    timeouts: str


def _bar_below(ms: float | None, thresholds: Thresholds) -> _Bar | None:
    """Return the highest bar that the latency is over; None where it is good, or unknown."""
    if ms is None or ms <= thresholds.latency_good_ms:
        return None
    if ms > thresholds.latency_poor_ms:
        return _Bar(thresholds.latency_poor_ms, "high", phrase(LATENCY_P95, "timeouts"))
    return _Bar(thresholds.latency_good_ms, "medium", "")


def _of_few(name: str, series: Series, thresholds: Thresholds, *, watched: bool) -> list[Finding]:
    """Return a note about slow answers among too few for a p95; a finding if at least every other one was slow.

    The note tells of first signs while the newest samples are slow: more of them will judge it.
    """
    slow = [value for value in series.few if value > thresholds.latency_good_ms]
    if not slow:
        return []
    limit = thresholds.latency_good_ms
    severity: Severity = "low"
    bar = _bar_below(series.few[len(series.few) // 2], thresholds)
    if bar is not None and len(series.few) >= MIN_SAMPLES:
        limit, severity = bar.ms, bar.severity
        slow = [value for value in slow if value > limit]
    took, impact, signs, remedy = latency(slow[-1], limit), "", "", ""
    if len(slow) > 1:
        took = phrase(LATENCY_FEW, "several", limit=latency(limit), slowest=took)
    if severity != "low":
        impact = phrase(LATENCY_FEW, "half_impact", subject=name)
    if watched and len(series.latest) >= FEW_CHECKS and min(series.latest[-FEW_CHECKS:]) > thresholds.latency_good_ms:
        signs = phrase(LATENCY_FEW, "first_signs", count=NOW_CHECKS)
        row = sum(1 for _ in takewhile(lambda value: value > thresholds.latency_good_ms, reversed(series.latest)))
        remedy = phrase(LATENCY_FEW, "wait", checks=plural(max(1, NOW_CHECKS - row), "check"))
    found = make_finding(
        rule=LATENCY_FEW,
        severity=severity,
        subject=name,
        checks=part_of(len(slow), len(series.few), "check"),
        took=took,
        impact=impact,
        remedy=remedy,
        measured=slow[-1],
        threshold=limit,
        unit="ms",
        samples=len(series.few),
    )
    if signs:
        found = replace(found, first_signs=signs, message=f"{found.message}; {signs}")
    return [found]


def _over_window(name: str, series: Series, thresholds: Thresholds, *, watched: bool) -> list[Finding]:
    bar = None
    if is_known(0.95, series.samples):
        bar = _bar_below(series.p95, thresholds)
    if bar is None:
        return _of_few(name, series, thresholds, watched=watched)
    newest = series.latest[-GOOD_AGAIN_CHECKS:]
    cured = len(newest) == GOOD_AGAIN_CHECKS and max(newest) <= thresholds.latency_good_ms
    found = make_finding(
        rule=LATENCY_P95,
        severity=bar.severity,
        subject=name,
        p95=latency(series.p95, bar.ms),
        limit=latency(bar.ms),
        timeouts=bar.timeouts,
        measured=series.p95,
        threshold=bar.ms,
        unit="ms",
        samples=series.samples,
        window_seconds=WINDOW_SECONDS,
    )
    if cured:
        found = as_past(found, phrase(LATENCY_P95, "quick_again", count=GOOD_AGAIN_CHECKS))
    return [found]


def _now(name: str, series: Series, thresholds: Thresholds, *, watched: bool) -> list[Finding]:
    newest = series.latest[-NOW_CHECKS:]
    quickest = min(newest, default=None)
    bar = _bar_below(quickest, thresholds)
    if bar is None or len(newest) < (FEW_CHECKS if series.samples < MIN_SAMPLES and not watched else NOW_CHECKS):
        return []
    p50 = figures(newest).p50
    return [
        make_finding(
            rule=LATENCY_NOW,
            severity=bar.severity,
            subject=name,
            limit=latency(bar.ms),
            when=_checks(len(newest)),
            p50=latency(p50, bar.ms),
            timeouts=bar.timeouts,
            measured=p50,
            threshold=bar.ms,
            unit="ms",
            samples=len(newest),
        )
    ]


def _checks(number: int) -> str:
    if number >= NOW_CHECKS:
        return phrase(LATENCY_NOW, "last", count=number)
    return part_of(number, number, "check")


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


Percentile = Literal["p50", "p95", "p99"]


def edges(spread: Spread, which: Percentile) -> tuple[float, float] | None:
    """Return the edges in seconds of the bucket that holds a percentile, or None if it is not known.

    The upper edge may be infinite.
    """
    return {"p50": spread.p50_edges, "p95": spread.p95_edges, "p99": spread.p99_edges}[which]


def _value(spread: Spread, which: Percentile) -> float | None:
    return {"p50": spread.p50, "p95": spread.p95, "p99": spread.p99}[which]


def is_wide(spread: Spread, which: Percentile) -> bool:
    """Return True if the bucket is so wide that it gives only a bound."""
    found = edges(spread, which)
    if found is None:
        return False
    lower, upper = found
    return math.isinf(upper) or (upper > QUICK_SECONDS and upper > WIDE * lower)


def estimate_ms(spread: Spread, which: Percentile) -> float | None:
    """Return the percentile in milliseconds, or None if only a bound is known."""
    value = _value(spread, which)
    if value is None or is_wide(spread, which):
        return None
    return value * 1000


def shown_ms(spread: Spread, which: Percentile, bar: float | None = None) -> str:
    """Return the percentile in words: ``≈ 320 ms``, ``≤ 10 s``, ``over 10 s``, or ``?`` where nothing was timed.

    Args:
        spread: The histogram.
        which: The percentile.
        bar: Milliseconds that the same sentence compares it with.
    """
    value = _value(spread, which)
    if value is None:
        return latency(None)
    return _bound(spread, which) or f"≈ {latency(value * 1000, bar)}"


def _bound(spread: Spread, which: Percentile) -> str:
    """``≤ 10 s``, ``over 10 s`` where no more is known; else ""."""
    found = edges(spread, which)
    if found is None or not is_wide(spread, which):
        return ""
    lower, upper = found
    if math.isinf(upper):
        return f"over {_edge(lower)}"
    return f"≤ {_edge(upper)}"


def _edge(seconds: float) -> str:
    """Return the edge of a bucket as text: edges are exact, so ``10 s``, not ``10.0 s``."""
    return latency(seconds * 1000).replace(".0 ", " ")


def section(spread: Spread) -> dict[str, float | str | None]:
    """Return ``mean_ms``, ``p50_ms``, ``p95_ms`` and ``p99_ms`` for a document.

    A percentile that is only a bound is None, with the bound in words beside it. ``percentiles_from`` marks the others
    as estimates.
    """
    found: dict[str, float | str | None] = {"mean_ms": None if spread.mean is None else round(spread.mean * 1000, 1)}
    bounds: dict[str, str] = {}
    which: Percentile
    for which in ("p50", "p95", "p99"):
        value = estimate_ms(spread, which)
        if value is None:
            found[f"{which}_ms"] = None
        else:
            found[f"{which}_ms"] = round(value, 1)
        if is_wide(spread, which):
            bounds[f"{which}_bound"] = shown_ms(spread, which)
    return {**found, **bounds, "percentiles_from": HISTOGRAM}


def certain_ms(spread: Spread, which: Percentile, *bars: float) -> float | None:
    """Return the percentile in milliseconds, lowered to the first of the ascending ``bars`` that it may not exceed.

    Compared with these bars, the value never claims more than the lower edge of its bucket.
    """
    value, found = _value(spread, which), edges(spread, which)
    if value is None:
        return None
    if found is None or (found[0] > 0 and found[1] <= NARROW * found[0]):
        return value * 1000
    lower = found[0] * 1000
    unsure = next((bar for bar in bars if lower < bar), math.inf)
    more = math.nextafter(lower, math.inf)  # what lies above an edge is more than the edge
    return min(max(value * 1000, more), unsure)


def _over_bar(name: str, lower: float, upper: float, limit: float | None) -> str:
    """Return the sentence about a p95 that is known only to be in a wide bucket (``lower`` to ``upper`` seconds)."""
    if math.isinf(upper):
        return phrase(LATENCY_P95, "at_least", subject=name, lower=_edge(lower), limit=latency(limit))
    return phrase(LATENCY_P95, "between", subject=name, lower=_edge(lower), upper=_edge(upper), limit=latency(limit))


def judge_spread(name: str, spread: Spread, thresholds: Thresholds) -> list[Finding]:
    """Return the findings about a histogram's p95, only if it is certainly over a threshold."""
    p95 = certain_ms(spread, "p95", thresholds.latency_good_ms, thresholds.latency_poor_ms)
    series = Series(p50=(spread.p50 or 0.0) * 1000, p95=p95, samples=round(spread.count))
    found = judge({name: series}, thresholds)
    bucket = edges(spread, "p95")
    if bucket is None or not is_wide(spread, "p95"):
        return [_estimated(one, name, shown_ms(spread, "p95", _bar(one))) for one in found]
    lower, upper = bucket
    return [
        replace(
            one,
            message=_over_bar(name, lower, upper, _bar(one)),
            measured=lower * 1000,
            measured_words=f"over {_edge(lower)}",
        )
        for one in found
    ]


def _estimated(finding: Finding, name: str, p95: str) -> Finding:
    message = phrase(LATENCY_P95, "estimate", subject=name, p95=p95, limit=latency(_bar(finding)))
    return replace(finding, message=message, measured_words=p95)


def judge_half(name: str, spread: Spread, thresholds: Thresholds) -> list[Finding]:
    """Return a finding if half of a few requests were slow, too few for a p95. However slow, so few are medium."""
    p50 = certain_ms(spread, "p50", thresholds.latency_good_ms, thresholds.latency_poor_ms)
    bar = _bar_below(p50, thresholds)
    if bar is None or spread.count < MIN_SAMPLES:
        return []
    words = shown_ms(spread, "p50", bar.ms)
    return [
        make_finding(
            rule=LATENCY_HALF,
            severity="medium",
            subject=name,
            count=round(spread.count),
            limit=latency(bar.ms),
            p50=words,
            measured=p50,
            measured_words=words,
            threshold=bar.ms,
            unit="ms",
            samples=round(spread.count),
        )
    ]


def _bar(finding: Finding) -> float | None:
    if isinstance(finding.threshold, float | int):
        return finding.threshold
    return None
