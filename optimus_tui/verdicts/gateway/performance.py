"""The outcomes of requests, and the figures of traffic and latency with their grades. Pure.

Failures are not averaged away: a failed request has no latency, and a failing service is never called fast. A share of
nothing is None, not 0. Latencies are in milliseconds, shares from 0 to 1.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import REFUSED, Counted, Grown, Increase
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.services import processes_section
from optimus_tui.wording.safe import safe_text

_CODE = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.IGNORECASE)
NO_STATUS = "the gateway's counter of requests has no status label"
MIN_REQUESTS = 20
"""A percentile of fewer requests is not judged, and a share of fewer only where it is beyond doubt."""
SHOWN = 50
GRADES = ("excellent", "good", "acceptable", "poor")
_BEST_WITH: dict[Severity, int] = {"low": 1, "medium": 2, "high": 3, "critical": 3}
"""The best grade beside a finding: medium stands for over 500 ms, high for over 1,000 ms."""


T = TypeVar("T")


def nearest_deciding(
    spans: Iterable[T], requests: Callable[[T], float], goes_on: Callable[[T], bool | None]
) -> tuple[T, bool] | None:
    """Return the most recent span that decides whether a problem continues, with the answer; None if none does.

    A span with fewer than ``MIN_REQUESTS`` never decides that it continues.

    Args:
        spans: The spans, the most recent first.
        requests: Returns how many requests came in a span.
        goes_on: Returns the answer of a span: True, False, or None if it does not decide.
    """
    for span in spans:
        answer = goes_on(span)
        if answer is not None and (not answer or requests(span) >= MIN_REQUESTS):
            return span, answer
    return None


class Outcomes(Struct, frozen=True, kw_only=True):
    """Requests by outcome. None is unknown, with the reason beside it.

    ``failed`` are answers 5xx, ``refused`` 429, ``mistaken`` the other 4xx.
    """

    requests: float
    failed: float | None
    refused: float | None
    mistaken: float | None
    why_failed: str = ""
    why_refused: str = ""

    @property
    def failing_share(self) -> float | None:
        """Return the share of failed requests, 0 to 1; None without requests, or if failures are unknown."""
        if self.failed is None or self.requests <= 0:
            return None
        return min(1.0, self.failed / self.requests)

    @property
    def refused_share(self) -> float | None:
        """Return the share of refused requests, 0 to 1; None without requests, or if refusals are unknown."""
        if self.refused is None or self.requests <= 0:
            return None
        return min(1.0, self.refused / self.requests)


def outcomes(series: Iterable[Counted]) -> Outcomes:
    """Sum up the growth of a counter of requests by its ``status`` labels.

    A counter without a ``status`` label says nothing about failures: they are unknown, never 0. With classes only
    (``2xx``, ``5xx``), failures are known, but refusals (429) are unknown, because they are part of ``4xx``.
    """
    sums = dict.fromkeys(("good", "server", "client", "refused", "4xx", "unknown"), 0.0)
    strange: list[str] = []
    for one in series:
        status = one.labels.get("status", "")
        kind = class_of(status)
        sums[kind] += one.increase
        if kind == "unknown" and one.increase > 0:
            strange.append(status)
    why = _why_unknown(strange)
    vague = why or ("the status label holds classes only: refusals (429) are inside 4xx" if sums["4xx"] > 0 else "")
    return Outcomes(
        requests=sum(sums.values()),
        failed=None if why else sums["server"],
        refused=None if vague else sums["refused"],
        mistaken=None if vague else sums["client"],
        why_failed=why,
        why_refused=vague,
    )


def _why_unknown(statuses: Sequence[str]) -> str:
    """Return why answers with these status labels cannot be told apart; empty if they can."""
    if "" in statuses:
        return NO_STATUS
    if statuses:
        return f"its status label says {safe_text(statuses[-1], 30)}, which is not an HTTP status"
    return ""


def class_of(status: str) -> str:
    """Return the class of a status: good, server (5xx), refused (429), client (other 4xx), 4xx (class) or unknown."""
    if not _CODE.fullmatch(status):
        return "unknown"
    if status == "429":
        return "refused"
    if status.lower() == "4xx":
        return "4xx"
    return {"5": "server", "4": "client"}.get(status[0], "good")


class WindowRefusals(Struct, frozen=True, kw_only=True):
    """Refusals over a window. If they are unknown, ``grown`` covers nothing and its fault says why.

    ``basis`` names the counter behind them.
    """

    grown: Increase
    basis: str


def refusals(requests: Increase | Fault, refused: Increase | Fault) -> WindowRefusals:
    """Return refusals by the gateway's counter of them, else by status 429 of its requests, else unknown with why."""
    if isinstance(refused, Increase) and refused.covered_minutes > 0:
        return WindowRefusals(grown=refused, basis=REFUSED)
    basis = "http_requests_total, status 429"
    if isinstance(refused, Fault):
        own: Fault | None = refused
    else:
        own = refused.fault
    if isinstance(requests, Fault) or requests.covered_minutes <= 0:
        if isinstance(requests, Fault):
            other: Fault | None = requests
        else:
            other = requests.fault
        return WindowRefusals(grown=Increase(name=REFUSED, fault=own or other), basis=REFUSED)
    results = outcomes(requests.series)
    if results.refused is None:
        message = f"the gateway publishes no {REFUSED}, and {results.why_refused}"
        return WindowRefusals(grown=Increase(name=REFUSED, fault=Fault("invalid", message)), basis=basis)
    answered = tuple(one for one in requests.series if one.labels.get("status") == "429")
    return WindowRefusals(grown=replace(requests, name=REFUSED, series=answered), basis=basis)


def worst(grown: Increase, label: str) -> tuple[str, Outcomes] | None:
    """Return the label value under which most requests failed; None without failures or without that label."""
    groups: dict[str, list[Counted]] = {}
    for one in grown.series:
        if one.labels.get(label):
            groups.setdefault(one.labels[label], []).append(one)
    results = [(name, outcomes(series)) for name, series in groups.items()]
    failing = [(name, one) for name, one in results if one.failed is not None and one.failed >= 1]
    return max(failing, key=lambda item: (item[1].failed or 0.0, item[0]), default=None)


def grade(milliseconds: float, thresholds: Thresholds) -> str:
    """Return the grade: by default below 100 ms excellent, 500 good, 1,000 acceptable, else poor."""
    bars = (thresholds.latency_excellent_ms, thresholds.latency_good_ms, thresholds.latency_poor_ms)
    return next((word for word, bar in zip(GRADES, bars, strict=False) if milliseconds < bar), "poor")


def assess(
    average: float | None,
    services: Sequence[tuple[int, int]],
    thresholds: Thresholds,
    findings: Sequence[Finding] = (),
) -> str:
    """Return the grade of the average, never better than failures and findings allow.

    One failed sample or a medium finding makes it acceptable at most; failures of half of a service's samples or a
    worse finding make it poor. It is "unknown" where nothing was timed.

    Args:
        average: the mean in ms; None where nothing was timed.
        services: (samples, failed samples) of each service.
        thresholds: the bounds of the grades.
        findings: all findings of the document.
    """
    if average is None:
        return "unknown"
    worst = GRADES.index(grade(average, thresholds))
    for looks, failed in services:
        if failed:
            worst = max(worst, 3 if 2 * failed >= looks else 2)
    return GRADES[max([worst, *(_BEST_WITH[one.severity] for one in findings)])]


def of_tenant(grown: Increase, tenant: str | None) -> Increase:
    """Return only the series of this tenant, compared as literal text; None returns all."""
    if tenant is None:
        return grown
    return replace(grown, series=tuple(one for one in grown.series if one.labels.get("tenant") == tenant))


def throughput(grown: Increase) -> dict[str, Any]:
    """Return requests and their rate, by route, tenant, method and status."""
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


def beside_counters(grown: Grown) -> dict[str, Any]:
    """Return the facts to show with every figure from counters: processes, restarts, losses, Prometheus targets."""
    results: dict[str, Any] = {"processes": processes_section(grown), "lower_bound": grown.lower_bound}
    if grown.targets:
        results["targets"] = list(grown.targets)
    return results


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
    """Return failures (5xx) among all requests, with refusals (429) and other 4xx apart.

    A figure that the labels do not show is None, with the reason under ``failures_unknown`` or ``refusals_unknown``.
    """
    results = outcomes(grown.series)
    reasons = {"failures_unknown": results.why_failed, "refusals_unknown": results.why_refused}
    return {
        "requests": _whole(results.requests),
        "error_rate": _share(results.failed, results.requests),
        "server_errors": _count(results.failed),
        "client_error_rate": _share(results.mistaken, results.requests),
        "client_errors": _count(results.mistaken),
        "refused_rate": _share(results.refused, results.requests),
        "refused": _count(results.refused),
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
    rows = [(name, results) for name, results in rows if results.requests > 0]
    rows.sort(key=lambda row: (-(row[1].failed or 0), -(row[1].mistaken or 0) - (row[1].refused or 0), row[0]))
    return [
        {
            label: shown(name),
            "requests": _whole(results.requests),
            "server_errors": _count(results.failed),
            "client_errors": _count(results.mistaken),
            "refused": _count(results.refused),
            "error_rate": _share(results.failed, results.requests),
        }
        for name, results in rows[:SHOWN]
    ]


def trend(samples: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """Return how a series moved: the mean of its first and of its last third; None with fewer than six samples."""
    third = len(samples) // 3
    if third < 2:
        return None
    first = sum(value for _, value in samples[:third]) / third
    last = sum(value for _, value in samples[-third:]) / third
    steady = abs(last - first) <= 0.02 * max(abs(first), abs(last))
    if steady:
        direction = "steady"
    elif last > first:
        direction = "rising"
    else:
        direction = "falling"
    return {"direction": direction, "from": round(first, 4), "to": round(last, 4), "samples": len(samples)}


def shown(label: str) -> str:
    """Return a label as a document shows it."""
    if label:
        return safe_text(label, 120)
    return "(none)"


def _whole(count: float) -> int:
    return round(count)


def _rate(count: float, seconds: float) -> float | None:
    if seconds > 0:
        return round(count / seconds, 3)
    return None


def _count(count: float | None) -> int | None:
    if count is None:
        return None
    return round(count)


def _share(part: float | None, total: float) -> float | None:
    if part is not None and total > 0:
        return round(part / total, 4)
    return None
