"""Judges the gateway's routes by its own histogram of how long requests took. Pure.

The same for every surface: what one tool calls slow is slow in the summary too. A route with too few requests for a
p95 is judged by half of them; one that is quick again is reported as past.
"""

from collections.abc import Mapping

from optimus_tui.contract.finding_rules import LATENCY_P95
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import phrase
from optimus_tui.contract.metrics import Spread
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway import latency as latencies
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS
from optimus_tui.verdicts.statistics import bounds
from optimus_tui.wording.safe import safe_text

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
            found += bounds.judge_half(_name(route), spread, thresholds)
    many = [(route, spread) for route, spread in ranked if spread.count >= MIN_REQUESTS and spread.p95 is not None]
    for route, spread in many[:MOST_JUDGED]:
        now = lately.get(route)
        slow = bounds.judge_spread(_name(route), spread, thresholds)
        if now is not None and now.count >= latencies.MIN_SAMPLES and bounds.is_quick(now, thresholds.latency_good_ms):
            quick = phrase(LATENCY_P95, "route_quick_again", count=now.count)
            slow = [latencies.as_past(one, quick) for one in slow]
        found += slow
    return found


def _name(route: str) -> str:
    return f"route {safe_text(route, 80)}"
