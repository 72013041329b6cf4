"""Judge the routes of the gateway by its histogram: which are slow, and which are quick again lately. Pure."""

import math
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LATENCY_HALF, LATENCY_P95
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import phrase
from optimus_tui.contract.percentiles import is_known
from optimus_tui.contract.services import Quantiles, Spread
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.latency import MIN_SAMPLES, as_past, edges, is_wide, judge_half, judge_spread
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS
from optimus_tui.wording.numbers import age, latency, part_of
from optimus_tui.wording.safe import safe_text

MOST_THIN, MOST_JUDGED = 20, 5
"""Routes that are judged, those first that took the most time in all: with few requests, and with many."""


def is_quick(spread: Spread, bar_ms: float) -> bool:
    """Return True if enough requests came, and they are certainly quick.

    From 20 requests on, the p95 must be at or below the bar. Fewer have no p95: then none of at least five may be over
    the bar, which is also the number that a proof after a remedy waits for.
    """
    if round(spread.count) < MIN_SAMPLES:
        return False
    if not is_known(0.95, spread.count):
        surely = [number for edge, number in spread.within if edge * 1000 <= bar_ms]
        return bool(surely) and round(surely[-1]) >= round(spread.count)
    value, bucket = spread.p95, edges(spread, "p95")
    if value is None:
        return False
    if bucket is None or not is_wide(spread, "p95"):
        return value * 1000 <= bar_ms
    return bucket[1] * 1000 <= bar_ms


def _since(finding: Finding, route: str, lately: Sequence[Quantiles], bar_ms: float) -> Finding:
    """Return a finding about a route with what came lately; where that was quick, as a low one.

    The nearest span with ``MIN_REQUESTS`` of the route decides, else the longest one with enough to say something.
    """
    if not lately:
        return finding
    now = next((one for one in lately if round(_of(one, route).count) >= MIN_REQUESTS), lately[-1])
    return _as_of(finding, _of(now, route), now.covered_minutes * 60, bar_ms)


def _of(span: Quantiles, route: str) -> Spread:
    return span.groups.get(route) or Spread(count=0.0, mean=None, p50=None, p95=None, p99=None)


def _as_of(finding: Finding, now: Spread, seconds: float, bar_ms: float) -> Finding:
    count, span = round(now.count), age(seconds)
    if count < MIN_SAMPLES:
        return finding
    few = not is_known(0.95, count)
    if is_quick(now, bar_ms):
        form = "route_quick_again"
        if few:
            form = "route_none_slow"
        return as_past(finding, phrase(LATENCY_P95, form, count=count, span=span, limit=latency(bar_ms)), seconds)
    exact = next((number for edge, number in now.within if math.isclose(edge * 1000, bar_ms)), None)
    if not few or exact is None:
        return finding
    over = count - round(exact)
    if count == finding.samples:
        return finding  # these are the same requests
    slow = part_of(over, count, "request")
    words = phrase(LATENCY_P95, "route_some_slow", slow=slow, span=span, limit=latency(bar_ms))
    severity = finding.severity
    if finding.rule == LATENCY_HALF and over * 2 < count:
        severity = "low"  # half of them were slow, and no longer are
    return replace(finding, severity=severity, message=f"{finding.message}; {words}")


def by_time(routes: Mapping[str, Spread]) -> list[tuple[str, Spread]]:
    """Return the routes by the total time of their requests, the longest first."""
    return sorted(routes.items(), key=lambda item: -(item[1].mean or 0.0) * item[1].count)


def judge_routes(routes: Mapping[str, Spread], thresholds: Thresholds, *lately: Quantiles) -> list[Finding]:
    """Return the latency findings over the window.

    ``lately``: the same over the last half minute and the last minute or so, the longest last.
    """
    ranked = by_time(routes)
    found: list[Finding] = []
    for route, spread in ranked[:MOST_THIN]:
        if spread.count < MIN_REQUESTS and spread.p50 is not None:
            slow = judge_half(_name(route), spread, thresholds)
            found += [_since(one, route, lately, thresholds.latency_good_ms) for one in slow]
    many = [(route, spread) for route, spread in ranked if spread.count >= MIN_REQUESTS and spread.p95 is not None]
    for route, spread in many[:MOST_JUDGED]:
        slow = judge_spread(_name(route), spread, thresholds)
        found += [_since(one, route, lately, thresholds.latency_good_ms) for one in slow]
    return found


def _name(route: str) -> str:
    return f"route {safe_text(route, 80)}"
