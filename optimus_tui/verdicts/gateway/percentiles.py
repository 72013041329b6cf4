"""Percentiles of the gateway's histograms, as exact as their buckets are, and its slow routes. Pure."""

import math
from collections.abc import Mapping
from typing import Literal

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LATENCY_P95
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import phrase
from optimus_tui.contract.metrics import Spread
from optimus_tui.contract.services import Series
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway import latency as latencies
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS
from optimus_tui.wording.numbers import latency
from optimus_tui.wording.safe import safe_text

Percentile = Literal["p50", "p95", "p99"]
WIDE, NARROW = 2.6, 1.5
"""Upper edge over lower edge. The usual buckets (0.1, 0.25, 0.5, 1, 2.5 …) are not wide and not narrow."""
HISTOGRAM = "histogram"
"""What a document's ``percentiles_from`` says where they are interpolated within buckets."""
QUICK_SECONDS = 0.1
"""Within the first bucket up to this, how exact does not matter."""


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
    """Return the percentile in milliseconds, or None where only a bound is known."""
    value = _value(spread, which)
    if value is None or is_wide(spread, which):
        return None
    return value * 1000


def shown_ms(spread: Spread, which: Percentile) -> str:
    """Return the percentile in words: ``≈ 320 ms``, ``≤ 10 s``, ``over 10 s``, or ``?`` where nothing was timed."""
    value = _value(spread, which)
    if value is None:
        return latency(None)
    return _bound(spread, which) or f"≈ {latency(value * 1000)}"


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
    """An edge is a round number and exact: ``10 s``, not ``10.0 s``."""
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

    Compared with these bars the value never claims more than the lower edge of its bucket does.
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
    """Return the findings about a histogram's p95, only where it is certainly over a threshold."""
    p95 = certain_ms(spread, "p95", thresholds.latency_good_ms, thresholds.latency_poor_ms)
    series = Series(p50=(spread.p50 or 0.0) * 1000, p95=p95, samples=round(spread.count))
    found = latencies.judge({name: series}, thresholds)
    bucket = edges(spread, "p95")
    if bucket is None or not is_wide(spread, "p95"):
        words = shown_ms(spread, "p95")
        return [
            replace(
                one,
                message=phrase(LATENCY_P95, "estimate", subject=name, p95=words, limit=latency(_bar(one))),
                measured_words=words,
            )
            for one in found
        ]
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


def judge_half(name: str, spread: Spread, thresholds: Thresholds) -> list[Finding]:
    """Return a finding if half of a few requests were slow, too few for a p95."""
    p50 = certain_ms(spread, "p50", thresholds.latency_good_ms, thresholds.latency_poor_ms)
    words = shown_ms(spread, "p50")
    return latencies.judge_half(name, p50, words, spread.count, thresholds)


def _bar(finding: Finding) -> float | None:
    if isinstance(finding.threshold, float | int):
        return finding.threshold
    return None


def is_quick(spread: Spread, bar_ms: float) -> bool:
    """Return True if the p95 is certainly at or below the bar."""
    value, bucket = spread.p95, edges(spread, "p95")
    if value is None:
        return False
    if bucket is None or not is_wide(spread, "p95"):
        return value * 1000 <= bar_ms
    return bucket[1] * 1000 <= bar_ms


MOST_THIN, MOST_JUDGED = 20, 5
"""Routes that are judged, those first that took the most time in all: with few requests, and with many."""


def by_time(routes: Mapping[str, Spread]) -> list[tuple[str, Spread]]:
    """Return the routes by the time that all their requests took, the longest first."""
    return sorted(routes.items(), key=lambda item: -(item[1].mean or 0.0) * item[1].count)


def judge_routes(routes: Mapping[str, Spread], lately: Mapping[str, Spread], thresholds: Thresholds) -> list[Finding]:
    """Return the latency findings over the window. ``lately``: the same over the last minute, {} if unknown."""
    ranked = by_time(routes)
    found: list[Finding] = []
    for route, spread in ranked[:MOST_THIN]:
        if spread.count < MIN_REQUESTS and spread.p50 is not None:
            found += judge_half(_name(route), spread, thresholds)
    many = [(route, spread) for route, spread in ranked if spread.count >= MIN_REQUESTS and spread.p95 is not None]
    for route, spread in many[:MOST_JUDGED]:
        now = lately.get(route)
        slow = judge_spread(_name(route), spread, thresholds)
        if now is not None and now.count >= latencies.MIN_SAMPLES and is_quick(now, thresholds.latency_good_ms):
            quick = phrase(LATENCY_P95, "route_quick_again", count=now.count)
            slow = [latencies.as_past(one, quick) for one in slow]
        found += slow
    return found


def _name(route: str) -> str:
    return f"route {safe_text(route, 80)}"
