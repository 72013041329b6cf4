"""Figures of traffic and latency, and what to think of them. Pure.

It refuses to average failures away: a request that failed has no latency, and a service that fails is never fast. A
share of nothing is None, not 0. Latencies in milliseconds, shares from 0 to 1.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import Increase
from optimus_tui.settings.model import Thresholds
from optimus_tui.wording.numbers import percent, plural
from optimus_tui.wording.safe import safe_text

MIN_REQUESTS = 20
"""A share of fewer requests is not judged."""
SHOWN = 50
GRADES = ("excellent", "good", "acceptable", "poor")


def grade(milliseconds: float, thresholds: Thresholds) -> str:
    """Below 100 ms excellent, 500 good, 1,000 acceptable, else poor (by default)."""
    bars = (thresholds.latency_excellent_ms, thresholds.latency_good_ms, thresholds.latency_poor_ms)
    return next((word for word, bar in zip(GRADES, bars, strict=False) if milliseconds < bar), "poor")


def assess(average: float | None, services: Sequence[tuple[int, int]], thresholds: Thresholds) -> str:
    """The grade of the average, never better than failures allow. ``services``: (looks, failed) of each.

    One failed look at most acceptable, half of a service's looks poor; "unknown" where nothing was timed.
    """
    if average is None:
        return "unknown"
    worst = GRADES.index(grade(average, thresholds))
    for looks, failed in services:
        if failed:
            worst = max(worst, 3 if 2 * failed >= looks else 2)
    return GRADES[worst]


def of_tenant(grown: Increase, tenant: str | None) -> Increase:
    """Only the series of this tenant: literal text, no pattern."""
    if tenant is None:
        return grown
    return replace(grown, series=tuple(one for one in grown.series if one.labels.get("tenant") == tenant))


def throughput(grown: Increase) -> dict[str, Any]:
    """Requests and their rate, by route, tenant, method and status."""
    seconds = grown.covered_minutes * 60
    return {
        "requests": _whole(grown.total),
        "requests_per_second": _rate(grown.total, seconds),
        "by_route": _parts(grown, "route", seconds),
        "by_tenant": _parts(grown, "tenant", seconds),
        "by_method": _parts(grown, "method", seconds),
        "by_status": _parts(grown, "status", seconds),
        "counter_resets": sum(one.resets for one in grown.series),
    }


def _parts(grown: Increase, label: str, seconds: float) -> list[dict[str, Any]]:
    total = grown.total
    rows = [(name, count) for name, count in grown.by(label).items() if count > 0]
    return [
        {
            label: shown(name),
            "requests": _whole(count),
            "requests_per_second": _rate(count, seconds),
            "share": round(count / total, 4),
        }
        for name, count in rows[:SHOWN]
    ]


def error_rate(grown: Increase) -> dict[str, Any]:
    """Failures (5xx) among all requests; refusals (429) and other 4xx apart: those are the callers'."""
    sums = _by_class(grown)
    total = sum(sums.values())
    return {
        "requests": _whole(total),
        "error_rate": _share(sums["server"], total),
        "server_errors": _whole(sums["server"]),
        "client_error_rate": _share(sums["client"], total),
        "client_errors": _whole(sums["client"]),
        "refused_rate": _share(sums["refused"], total),
        "refused": _whole(sums["refused"]),
        "by_status": {
            shown(status): _whole(count)
            for status, count in list(grown.by("status").items())[:SHOWN]
            if count > 0 and _class(status) != "good"
        },
        "by_route": _errors_by(grown, "route"),
        "by_tenant": _errors_by(grown, "tenant"),
        "counter_resets": sum(one.resets for one in grown.series),
    }


def _errors_by(grown: Increase, label: str) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, float]] = {}
    for one in grown.series:
        sums = groups.setdefault(one.labels.get(label, ""), dict.fromkeys(("good", "server", "client", "refused"), 0.0))
        sums[_class(one.labels.get("status", ""))] += one.increase
    rows = [(name, sums, sum(sums.values())) for name, sums in groups.items() if sum(sums.values()) > 0]
    rows.sort(key=lambda row: (-row[1]["server"], -row[1]["client"] - row[1]["refused"], row[0]))
    return [
        {
            label: shown(name),
            "requests": _whole(total),
            "server_errors": _whole(sums["server"]),
            "client_errors": _whole(sums["client"]),
            "refused": _whole(sums["refused"]),
            "error_rate": _share(sums["server"], total),
        }
        for name, sums, total in rows[:SHOWN]
    ]


def find_errors(grown: Increase, subject: str, thresholds: Thresholds) -> list[Finding]:
    """A finding where the share of 5xx is too high and rests on enough requests."""
    sums = _by_class(grown)
    total = sum(sums.values())
    if total < MIN_REQUESTS or sums["server"] / total <= thresholds.error_rate_warn:
        return []
    rate = sums["server"] / total
    high = rate > thresholds.error_rate_high
    bar = thresholds.error_rate_high if high else thresholds.error_rate_warn
    return [
        Finding(
            rule="errors.rate",
            severity="high" if high else "medium",
            subject=subject,
            message=f"{percent(rate)} of {plural(_whole(total), 'request')} failed, more than {percent(bar)}",
            measured=round(rate, 4),
            threshold=bar,
            unit="share",
            samples=_whole(total),
            window_seconds=grown.covered_minutes * 60,
            impact="Callers get errors instead of answers.",
            remedy="See which route fails most, then the engine's health and the gateway's log.",
        )
    ]


def trend(samples: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """How a series moved: the mean of its first and of its last third; None with fewer than six samples."""
    third = len(samples) // 3
    if third < 2:
        return None
    first = sum(value for _, value in samples[:third]) / third
    last = sum(value for _, value in samples[-third:]) / third
    steady = abs(last - first) <= 0.02 * max(abs(first), abs(last))
    direction = "steady" if steady else "rising" if last > first else "falling"
    return {"direction": direction, "from": round(first, 4), "to": round(last, 4), "samples": len(samples)}


def _by_class(grown: Increase) -> dict[str, float]:
    sums = dict.fromkeys(("good", "server", "client", "refused"), 0.0)
    for one in grown.series:
        sums[_class(one.labels.get("status", ""))] += one.increase
    return sums


def _class(status: str) -> str:
    if status == "429":
        return "refused"
    return {"5": "server", "4": "client"}.get(status[:1], "good")


def shown(label: str) -> str:
    """A label as a document shows it."""
    return safe_text(label, 120) if label else "(none)"


def _whole(count: float) -> int:
    return round(count)


def _rate(count: float, seconds: float) -> float | None:
    return round(count / seconds, 3) if seconds > 0 else None


def _share(part: float, total: float) -> float | None:
    return round(part / total, 4) if total > 0 else None
