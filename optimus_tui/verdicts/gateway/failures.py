"""Judge the share of failed requests (5xx): of all, and of a single route or tenant that the others hide. Pure.

Ten failures in thirty chats are only 0.5 % of all requests if a monitor asks for /health twice a second. So a single
route or tenant whose share is surely over the higher threshold has a finding of its own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import ERRORS_RATE
from optimus_tui.contract.findings import Finding, Severity, worst_first
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.services import Increase
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.latency import as_past
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS, class_of, nearest_deciding, outcomes, shown, worst
from optimus_tui.verdicts.statistics import interval, surely_less
from optimus_tui.wording.numbers import age, percent, plural

MIN_FAILURES = 3
LABELS = ("route", "tenant")
GATEWAY = "gateway"


class Weight(NamedTuple):
    """The severity of a share of failures, and the threshold that it reaches."""

    severity: Severity
    bar: float


def weigh_failures(failed: float, requests: float, thresholds: Thresholds) -> Weight | None:
    """Return the severity of a share of failures; None below the lower threshold.

    A share that chance alone can explain is low. A share of fewer than ``MIN_REQUESTS`` counts only if several failed
    and it is surely over the higher threshold.
    """
    warn, high = thresholds.error_rate_warn, thresholds.error_rate_high
    share = 0.0
    if requests > 0:
        share = failed / requests
    if failed <= 0 or share < warn:
        return None
    least = interval(failed, requests)[0]
    if requests < MIN_REQUESTS:
        if failed >= MIN_FAILURES and least >= high:
            return Weight("high", high)
        return Weight("low", warn)
    if least <= warn:
        return Weight("low", warn)
    if share >= high:
        return Weight("high", high)
    return Weight("medium", warn)


class FailingPart(NamedTuple):
    """One route or tenant (``label``) with its failures among its requests."""

    label: str
    name: str
    failed: float
    requests: float

    def of(self, grown: Increase) -> Increase:
        """Return the growth of only this route or tenant."""
        return replace(grown, series=tuple(one for one in grown.series if one.labels.get(self.label) == self.name))

    def __str__(self) -> str:
        return f"{self.label} {shown(self.name)}"


def is_failure(status: str) -> bool:
    """Return True if a status is a failure of the gateway (5xx)."""
    return class_of(status) == "server"


def failing_part(
    grown: Increase, thresholds: Thresholds, counts: Callable[[str], bool] = is_failure
) -> FailingPart | None:
    """Return the route, else the tenant, with the most failures among those surely over the higher threshold."""
    for label in LABELS:
        groups: dict[str, list[float]] = {}
        for one in grown.series:
            if name := one.labels.get(label):
                group = groups.setdefault(name, [0.0, 0.0])
                if counts(one.labels.get("status", "")):
                    group[0] += one.increase
                group[1] += one.increase
        parts = [FailingPart(label, name, *figures) for name, figures in groups.items()]
        sure = [
            one
            for one in parts
            if one.failed >= MIN_FAILURES and interval(one.failed, one.requests)[0] >= thresholds.error_rate_high
        ]
        if sure:
            return max(sure, key=lambda one: (one.failed, one.name))
    return None


def weigh_part(part: FailingPart, thresholds: Thresholds) -> Weight:
    """Return the weight of a failing part; it is low if the part has nearly none of all requests."""
    return Weight("high" if part.requests >= MIN_REQUESTS else "low", thresholds.error_rate_high)


def find_errors(grown: Increase, subject: str, thresholds: Thresholds, *lately: Increase) -> list[Finding]:
    """Return a finding if the share of 5xx is too high; it names the route or tenant with most failures.

    It is low if chance can explain it. If all requests together are fine, it names a single route or tenant that surely
    fails.

    Args:
        grown: the growth of the counter of requests over the window.
        subject: what the finding is about.
        thresholds: the shares above which it is medium or high.
        lately: the same over the last half minute and the last minute or so, the longest last. A worse share in the
            longest decides; a share that is good again in any of them makes the finding low.
    """
    found = _find_lately(grown, lately, subject, thresholds)
    if (found and found[0].severity != "low") or outcomes(grown.series).failing_share is None:
        return found
    for span in (grown, *lately[-1:]):
        if (part := failing_part(span, thresholds)) is not None:
            one = _find_part(part, subject, span, thresholds)
            return [good_again(one, [part.of(each) for each in lately], thresholds) or one]
    return found


def _find_part(part: FailingPart, subject: str, grown: Increase, thresholds: Thresholds) -> Finding:
    weight, share = weigh_part(part, thresholds), part.failed / part.requests
    where = str(part)
    if subject != GATEWAY:
        where = f"{subject}, {part}"
    sentence = phrase(
        ERRORS_RATE,
        "part",
        part=str(part),
        share=percent(share, weight.bar),
        requests=plural(round(part.requests), "request"),
        limit=percent(weight.bar),
    )
    return _finding(
        weight,
        where,
        share,
        part.requests,
        grown,
        message=sentence,
        impact=phrase(ERRORS_RATE, "part_impact"),
        remedy=phrase(ERRORS_RATE, "part_remedy"),
    )


def _find_lately(grown: Increase, lately: Sequence[Increase], subject: str, thresholds: Thresholds) -> list[Finding]:
    over = _find(grown, subject, thresholds)
    known = [one for one in lately if _has_enough(one)]
    fresh = [one for span in known if span is lately[-1] for one in _find(span, subject, thresholds)]
    found = list(worst_first([*(one for one in fresh if one.severity != "low"), *over])[:1])
    return [good_again(one, known, thresholds) or one for one in found]


def _has_enough(span: Increase) -> bool:
    results = outcomes(span.series)
    return span.covered_minutes > 0 and results.failing_share is not None and results.requests >= MIN_REQUESTS


def _find(grown: Increase, subject: str, thresholds: Thresholds) -> list[Finding]:
    """Return the finding about all requests together."""
    results = outcomes(grown.series)
    rate = results.failing_share
    weight = weigh_failures(results.failed or 0.0, results.requests, thresholds)
    if rate is None or weight is None:
        return []
    few = ""
    if weight.severity == "low":
        few = phrase(ERRORS_RATE, "few", count=round(results.failed or 0))
    return [_finding(weight, subject, rate, results.requests, grown, rest=f"{few}{who_fails(grown)}")]


def _finding(
    weight: Weight,
    subject: str,
    share: float,
    requests: float,
    grown: Increase,
    *,
    rest: str = "",
    message: str = "",
    impact: str = "",
    remedy: str = "",
) -> Finding:
    """Return the finding about a share of failures over its threshold. ``rest`` ends the catalogue's sentence."""
    return make_finding(
        rule=ERRORS_RATE,
        severity=weight.severity,
        subject=subject,
        message=message,
        rest=rest,
        share=percent(share, weight.bar),
        requests=plural(round(requests), "request"),
        limit=percent(weight.bar),
        measured=round(share, 4),
        threshold=weight.bar,
        unit="share",
        samples=round(requests),
        window_seconds=grown.covered_minutes * 60,
        impact=impact,
        remedy=remedy,
    )


def good_again(
    found: Finding, lately: Sequence[Increase], thresholds: Thresholds, counts: Callable[[str], bool] = is_failure
) -> Finding | None:
    """Return the finding lowered to one of the past, if the newest requests are below the threshold and surely better.

    "Better" means better than the measured share. None if they are not, or are too few. The most recent span that
    proves it decides; a span of ``MIN_REQUESTS`` with a share that is too high says that the problem continues.
    """
    share = 1.0
    if isinstance(found.measured, float):
        share = found.measured

    def failed_of(span: Increase) -> float:
        return sum(number for status, number in span.by("status").items() if counts(status))

    def goes_on(span: Increase) -> bool | None:
        if span.covered_minutes <= 0 or span.total <= 0 or outcomes(span.series).failed is None:
            return None
        failed = failed_of(span)
        if failed >= thresholds.error_rate_warn * span.total:
            return True
        if surely_less(failed, span.total, share):
            return False
        return None

    decided = nearest_deciding(lately, lambda span: span.total, goes_on)
    if decided is None or decided[1]:
        return None
    span = decided[0]
    good, seconds = percent(failed_of(span) / span.total), span.covered_minutes * 60
    words = phrase(ERRORS_RATE, "good_again", share=good, count=span.total, span=age(seconds))
    return as_past(found, words, seconds)


def who_fails(grown: Increase) -> str:
    """Return where most requests failed, as the end of a sentence; "" if the labels do not show it."""
    parts = []
    for label in LABELS:
        found = worst(grown, label)
        if found is not None:
            name, results = found
            parts.append(
                phrase(
                    ERRORS_RATE,
                    "failed_of",
                    label=label,
                    name=shown(name),
                    count=round(results.failed or 0),
                    requests=plural(round(results.requests), "request"),
                )
            )
    if parts:
        return phrase(ERRORS_RATE, "most_at", parts=", ".join(parts))
    return ""
