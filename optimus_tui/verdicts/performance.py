"""Figures of traffic and latency, and what to think of them. Pure.

It refuses to average failures away: a request that failed has no latency, and a service that fails is never fast. A
share of nothing is None, not 0. Latencies in milliseconds, shares from 0 to 1.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.metrics import Counted, Grown, Increase
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.chance import interval, surely_less
from optimus_tui.verdicts.latency import eased
from optimus_tui.verdicts.order import worst_first
from optimus_tui.verdicts.outcomes import class_of, outcomes, worst
from optimus_tui.verdicts.restarts import processes_section
from optimus_tui.wording.numbers import percent, plural
from optimus_tui.wording.safe import safe_text

MIN_REQUESTS = 20
"""A percentile of fewer requests is not judged, and a share of fewer only where it is beyond doubt."""
MIN_FAILURES = 3
SHOWN = 50
GRADES = ("excellent", "good", "acceptable", "poor")
_BEST_WITH: dict[Severity, int] = {"low": 0, "medium": 2, "high": 3, "critical": 3}
"""The best grade beside a finding: medium stands for over 500 ms, high for over 1,000 ms."""


def grade(milliseconds: float, thresholds: Thresholds) -> str:
    """Below 100 ms excellent, 500 good, 1,000 acceptable, else poor (by default)."""
    bars = (thresholds.latency_excellent_ms, thresholds.latency_good_ms, thresholds.latency_poor_ms)
    return next((word for word, bar in zip(GRADES, bars, strict=False) if milliseconds < bar), "poor")


def assess(
    average: float | None,
    services: Sequence[tuple[int, int]],
    thresholds: Thresholds,
    findings: Sequence[Finding] = (),
) -> str:
    """The grade of the average, never better than failures and findings allow. ``services``: (looks, failed) of each.

    One failed look or a medium finding: at most acceptable; half of a service's looks or a worse finding: poor.
    "unknown" where nothing was timed.
    """
    if average is None:
        return "unknown"
    worst = GRADES.index(grade(average, thresholds))
    for looks, failed in services:
        if failed:
            worst = max(worst, 3 if 2 * failed >= looks else 2)
    return GRADES[max([worst, *(_BEST_WITH[one.severity] for one in findings)])]


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
        **_omitted(grown, "route", "tenant", "method", "status"),
        "counter_resets": sum(one.resets for one in grown.series),
    }


def _omitted(grown: Increase, *labels: str) -> dict[str, int]:
    """``by_tenant_omitted``: how many rows a list leaves out, for lists that are cut."""
    counts = {label: sum(count > 0 for count in grown.by(label).values()) - SHOWN for label in labels}
    return {f"by_{label}_omitted": count for label, count in counts.items() if count > 0}


def told_by(grown: Grown) -> dict[str, Any]:
    """What a document says beside every figure from counters: processes, restarts, losses, Prometheus targets."""
    told: dict[str, Any] = {"processes": processes_section(grown), "lower_bound": grown.lower_bound}
    if grown.targets:
        told["targets"] = list(grown.targets)
    return told


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
    """Failures (5xx) among all requests; refusals (429) and other 4xx apart: those are the callers'.

    What the counter's labels do not tell is None, with the reason under ``failures_unknown`` or ``refusals_unknown``.
    """
    told = outcomes(grown.series)
    reasons = {"failures_unknown": told.why_failed, "refusals_unknown": told.why_refused}
    return {
        "requests": _whole(told.requests),
        "error_rate": _share(told.failed, told.requests),
        "server_errors": _count(told.failed),
        "client_error_rate": _share(told.mistaken, told.requests),
        "client_errors": _count(told.mistaken),
        "refused_rate": _share(told.refused, told.requests),
        "refused": _count(told.refused),
        "by_status": {
            shown(status): _whole(count)
            for status, count in list(grown.by("status").items())[:SHOWN]
            if count > 0 and status and class_of(status) != "good"
        },
        "by_route": _errors_by(grown, "route"),
        "by_tenant": _errors_by(grown, "tenant"),
        **_omitted(grown, "route", "tenant"),
        "counter_resets": sum(one.resets for one in grown.series),
        **{name: why for name, why in reasons.items() if why},
    }


def _errors_by(grown: Increase, label: str) -> list[dict[str, Any]]:
    groups: dict[str, list[Counted]] = {}
    for one in grown.series:
        groups.setdefault(one.labels.get(label, ""), []).append(one)
    rows = [(name, outcomes(series)) for name, series in groups.items()]
    rows = [(name, told) for name, told in rows if told.requests > 0]
    rows.sort(key=lambda row: (-(row[1].failed or 0), -(row[1].mistaken or 0) - (row[1].refused or 0), row[0]))
    return [
        {
            label: shown(name),
            "requests": _whole(told.requests),
            "server_errors": _count(told.failed),
            "client_errors": _count(told.mistaken),
            "refused": _count(told.refused),
            "error_rate": _share(told.failed, told.requests),
        }
        for name, told in rows[:SHOWN]
    ]


class Weight(NamedTuple):
    """How bad a share of failures is, and the bar that it is at or over."""

    severity: Severity
    bar: float


def weigh_failures(failed: float, requests: float, thresholds: Thresholds) -> Weight | None:
    """None below the lower bar. A share that chance alone may have lifted over it is low, whatever it is.

    A share of fewer than ``MIN_REQUESTS`` counts where several failed and it is over the higher bar beyond chance.
    """
    warn, high = thresholds.error_rate_warn, thresholds.error_rate_high
    share = failed / requests if requests > 0 else 0.0
    if failed <= 0 or share < warn:
        return None
    least = interval(failed, requests)[0]
    if requests < MIN_REQUESTS:
        return Weight("high", high) if failed >= MIN_FAILURES and least >= high else Weight("low", warn)
    if least <= warn:
        return Weight("low", warn)
    return Weight("high", high) if share >= high else Weight("medium", warn)


def find_errors(grown: Increase, subject: str, thresholds: Thresholds) -> list[Finding]:
    """A finding where the share of 5xx is too high, low where that may be chance; it names who fails most."""
    told = outcomes(grown.series)
    rate = told.failing_share
    weight = weigh_failures(told.failed or 0.0, told.requests, thresholds)
    if rate is None or weight is None:
        return []
    few = f"{_whole(told.failed or 0):,} failures of so few requests may be chance"
    return [
        Finding(
            rule="errors.rate",
            severity=weight.severity,
            subject=subject,
            message=f"{percent(rate, weight.bar)} of {plural(_whole(told.requests), 'request')} failed, "
            f"the bar is {percent(weight.bar)}{f'; {few}' if weight.severity == 'low' else ''}{who_fails(grown)}",
            measured=round(rate, 4),
            threshold=weight.bar,
            unit="share",
            samples=_whole(told.requests),
            window_seconds=grown.covered_minutes * 60,
            impact="Callers get errors instead of answers.",
            remedy="See which route fails most, then the engine's health and the gateway's log.",
        )
    ]


def find_errors_lately(grown: Increase, lately: Increase, subject: str, thresholds: Thresholds) -> list[Finding]:
    """The same where the last minute or so counts too: what is worse there decides.

    A share that was too high over the window and surely is good again is told as a low finding.
    """
    over, now = find_errors(grown, subject, thresholds), outcomes(lately.series)
    if lately.covered_minutes <= 0 or now.failing_share is None or now.requests < MIN_REQUESTS:
        return over
    if over and is_good_again(now.failed or 0.0, now.requests, over[0], thresholds):
        return [eased(one, f"{percent(now.failing_share)} of the last {now.requests:,.0f}") for one in over]
    fresh = [one for one in find_errors(lately, subject, thresholds) if one.severity != "low"]
    return list(worst_first([*fresh, *over])[:1])


def is_good_again(failed: float, requests: float, before: Finding, thresholds: Thresholds) -> bool:
    """Whether the last requests are below the bar, and surely better than the share of the finding ``before``."""
    share = before.measured if isinstance(before.measured, float) else 1.0
    return failed < thresholds.error_rate_warn * requests and surely_less(failed, requests, share)


def who_fails(grown: Increase) -> str:
    """Under which route and tenant most requests failed, as the end of a sentence; empty where labels do not tell."""
    parts = []
    for label in ("route", "tenant"):
        found = worst(grown, label)
        if found is not None:
            name, told = found
            parts.append(
                f"{label} {shown(name)} ({_whole(told.failed or 0):,} of {plural(_whole(told.requests), 'request')})"
            )
    return f"; most at {', '.join(parts)}" if parts else ""


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


def shown(label: str) -> str:
    """A label as a document shows it."""
    return safe_text(label, 120) if label else "(none)"


def _whole(count: float) -> int:
    return round(count)


def _rate(count: float, seconds: float) -> float | None:
    return round(count / seconds, 3) if seconds > 0 else None


def _count(count: float | None) -> int | None:
    return None if count is None else round(count)


def _share(part: float | None, total: float) -> float | None:
    return round(part / total, 4) if part is not None and total > 0 else None
