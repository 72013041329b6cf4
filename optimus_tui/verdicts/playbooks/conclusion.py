"""Collect what a playbook examined, could not measure, found and recommends. Pure.

What could not be measured goes into ``unknown``, and also into the findings if the contract requires that (a metric
that should exist and cannot be measured).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import ERRORS_TIMEOUTS, ERRORS_UNMEASURED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import Increase, WindowOrigin
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.causes import relate
from optimus_tui.verdicts.gateway.failures import (
    GATEWAY,
    Weight,
    failing_part,
    find_errors,
    good_again,
    is_failure,
    weigh_failures,
    weigh_part,
)
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS, outcomes
from optimus_tui.verdicts.gateway.services import find_restarts, processes_section
from optimus_tui.verdicts.health import unmeasured
from optimus_tui.verdicts.limits.words import named
from optimus_tui.wording.numbers import age, and_others, percent
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_names

AWAY = frozenset({"refused", "timeout", "tls", "loading", "busy"})


class Conclusion(Struct, frozen=True, kw_only=True):
    """The result of a playbook. ``covered_minutes`` and ``source`` are those of the history that was used."""

    analysis: dict[str, Any]
    findings: tuple[Finding, ...]
    recommendations: tuple[Recommendation, ...]
    examined: tuple[str, ...]
    unknown: tuple[str, ...]
    covered_minutes: float = 0.0
    source: WindowOrigin = "live"

    def named(self, aliases: Mapping[str, str]) -> "Conclusion":
        """Return the same in sentences that call tenants as people do; what is not known names them whole.

        Args:
            aliases: What people call tenants, by their names.
        """
        return replace(
            self,
            findings=named(self.findings, aliases),
            recommendations=tuple(
                replace(one, action=short_names(one.action, aliases), reason=short_names(one.reason, aliases))
                for one in self.recommendations
            ),
            examined=tuple(short_names(one, aliases) for one in self.examined),
        )


class ConclusionBuilder:
    """Collects what a playbook finds, and makes the conclusion of it."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._advice: list[Recommendation] = []
        self._last: list[Recommendation] = []
        self._examined: list[str] = []
        self._unknown: list[str] = []
        self._covered, self._source = 0.0, "live"

    def add_measured(self, what: str) -> None:
        """Add a sentence about something that was measured."""
        self._examined.append(what)

    def add_findings(self, *findings: Finding) -> None:
        """Add findings. The remedy of each becomes a recommendation when the conclusion is closed."""
        self._findings += findings

    def add_unknown(self, what: str, why: Fault | str, *, rule: str = "", excused: bool = False) -> None:
        """Add something that could not be measured.

        Args:
            what: what could not be measured.
            why: the fault, or a sentence if it is not configured or there is too little data yet.
            rule: the rule of the medium finding that a fault becomes.
            excused: True if the service behind it is known to be down; then there is no finding.
        """
        self._unknown.append(f"{what}: {why.message if isinstance(why, Fault) else why}")
        if isinstance(why, str) or not rule or (excused and why.kind in AWAY):
            return
        self._findings.append(unmeasured(what, why.message, rule=rule, remedy=why.remedy or ""))

    def advise(self, *advice: Recommendation) -> None:
        """Add recommendations, in order."""
        self._advice += advice

    def advise_last(self, *advice: Recommendation) -> None:
        """Add recommendations that come after all others."""
        self._last += advice

    def covered(self, minutes: float, source: str) -> None:
        """Add history that was used; the conclusion reports the longest span."""
        if source != "live" and minutes >= self._covered:
            self._covered, self._source = minutes, source

    def close(self, analysis: dict[str, Any], *, advised: Iterable[str] = ()) -> Conclusion:
        """Return the conclusion. ``advised`` are rules whose findings already have a recommendation."""
        findings = relate(self._findings)
        covered = {*advised}
        remedies = _remedies([one for one in findings if one.remedy and one.rule not in covered])
        return Conclusion(
            analysis={**analysis, "unknown": list(self._unknown)},
            findings=findings,
            recommendations=_once([*self._advice, *remedies, *self._last]),
            examined=tuple(self._examined),
            unknown=tuple(self._unknown),
            covered_minutes=self._covered,
            source=self._source,  # type: ignore[arg-type]
        )


MOST_NAMED = 3
"""Subjects that a recommendation for several names."""


def _remedies(findings: Iterable[Finding]) -> list[Recommendation]:
    """Return one recommendation for each remedy: for several routes it is the same one thing to do."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.rule, one.remedy.replace(one.subject, "each of them")), []).append(one)
    made = []
    for (rule, remedy), alike in groups.items():
        worst = alike[0]
        action, reason = f"{worst.subject}: {worst.remedy}", worst.message
        if len(alike) > 1:
            names = ", ".join(one.subject for one in alike[:MOST_NAMED])
            action = f"{names}{and_others(alike, MOST_NAMED)}: {remedy}"
            reason += and_others(alike, thing="finding")
        made.append(Recommendation(action=action, priority=worst.severity, reason=reason, rule=rule))
    return made


def _once(advice: list[Recommendation]) -> tuple[Recommendation, ...]:
    """Return the advice without duplicates: five findings with one remedy are one thing to do."""
    seen: dict[tuple[str, str | None], Recommendation] = {}
    for one in advice:
        seen.setdefault((one.action, one.command), one)
    return tuple(seen.values())


def examine_errors(
    conclusion: ConclusionBuilder,
    requests: Increase | Fault,
    thresholds: Thresholds,
    *,
    recent: Increase | Fault | None = None,
    only: str = "",
    excused: bool = False,
) -> dict[str, Any]:
    """Return the section about failures, and add a finding if their share is too high.

    The finding is low if the ``recent`` requests (of the last minute) are good again. A share of too few requests is
    not judged, and 4xx do not count, because they are the callers' mistakes.
    """
    what = "error ratio"
    if only:
        what = f"share of {only} answers"
    if isinstance(requests, Fault):
        conclusion.add_unknown(what, requests, rule=ERRORS_UNMEASURED, excused=excused)
        return {"status": "unknown", "error": requests.message}
    if not requests.covered_minutes:
        why = requests.fault.message if requests.fault else "the gateway publishes no http_requests_total"
        conclusion.add_unknown(what, why)
        return {"status": "unknown", "error": why}
    conclusion.covered(requests.covered_minutes, requests.source)
    unknown = _unknown(requests, only)
    if unknown:
        conclusion.add_unknown(what, unknown)
        return {"status": "unknown", "error": unknown, "requests": round(requests.total)}
    section = _failures_section(requests, only)
    total, failed = section["requests"], section["failed"]
    conclusion.add_findings(*find_restarts(requests))
    weight = weigh_failures(failed, total, thresholds)
    if total < MIN_REQUESTS and (weight is None or weight.severity == "low"):
        conclusion.add_unknown(
            what, f"{total:,} requests in {span_words(requests.covered_minutes)} are too few, {MIN_REQUESTS} are needed"
        )
        return {**section, "status": "unknown", "share": None}
    share = min(1.0, failed / total)
    conclusion.add_measured(
        f"{what} {percent(share)} of {total:,} requests in {span_words(requests.covered_minutes)} ({requests.source})"
    )
    known = [recent] if isinstance(recent, Increase) and not _unknown(recent, only) else []
    if only:
        conclusion.add_findings(*_find_timeouts(share, requests, what, weight, known, thresholds, only))
    else:
        conclusion.add_findings(*find_errors(requests, GATEWAY, thresholds, *known))
    return {**section, "share": round(share, 4)}


def _failures_section(requests: Increase, only: str) -> dict[str, Any]:
    """Return how many requests there were and how many failed, by status; ``only`` is the status that counts."""
    failed = {s: round(n) for s, n in requests.by("status").items() if n >= 1 and _counts(s, only)}
    return {
        "status": "ok",
        "requests": round(requests.total),
        "failed": sum(failed.values()),
        "by_status": {safe_text(status, 20): number for status, number in failed.items()},
        "covered_minutes": round(requests.covered_minutes, 2),
        "source": requests.source,
        "processes": processes_section(requests),
        "lower_bound": requests.lower_bound,
    }


def _find_timeouts(
    share: float,
    requests: Increase,
    what: str,
    weight: Weight | None,
    recent: Sequence[Increase],
    thresholds: Thresholds,
    only: str,
) -> list[Finding]:
    """Return the finding about timeouts: of all requests; or else of one route or tenant that they hide."""
    if weight is not None and weight.severity != "low":
        return [_as_of_now(_timeouts(share, requests, what, weight), recent, thresholds, only)]
    part = failing_part(requests, thresholds, lambda status: _counts(status, only))
    if part is not None:
        alone = _timeouts(part.failed / part.requests, part.of(requests), what, weigh_part(part, thresholds), str(part))
        return [_as_of_now(alone, [part.of(one) for one in recent], thresholds, only)]
    if weight is not None:
        return [_timeouts(share, requests, what, weight)]
    return []


def _counts(status: str, only: str) -> bool:
    if only:
        return status == only
    return is_failure(status)


def _as_of_now(found: Finding, recent: Sequence[Increase], thresholds: Thresholds, only: str) -> Finding:
    """Return the finding, a low one if the recent requests are good again; unchanged if they are too few to say."""
    recent = [one for one in recent if one.total >= MIN_REQUESTS]
    return good_again(found, recent, thresholds, lambda status: _counts(status, only)) or found


def span_words(minutes: float) -> str:
    """Return the covered minutes in the usual form of a duration."""
    return age(minutes * 60)


def _unknown(requests: Increase, only: str) -> str:
    """Return why the counter cannot separate these statuses; empty if it can."""
    results = outcomes(requests.series)
    if results.why_failed:
        return results.why_failed
    classes = only and any(
        one.increase > 0 and one.labels.get("status", "").lower() == "5xx" for one in requests.series
    )
    if classes:
        return f"the status label holds classes only: {only} is inside 5xx"
    return ""


def _timeouts(share: float, requests: Increase, what: str, weight: Weight, subject: str = GATEWAY) -> Finding:
    few = message = ""
    if weight.severity == "low":
        few = phrase(ERRORS_TIMEOUTS, "few")
    measured, limit = percent(share, weight.bar), percent(weight.bar)
    if subject != GATEWAY:
        message = phrase(ERRORS_TIMEOUTS, "part", part=subject, what=what, share=measured, limit=limit, few=few)
    return make_finding(
        rule=ERRORS_TIMEOUTS,
        severity=weight.severity,
        subject=subject,
        message=message,
        what=what,
        share=measured,
        limit=limit,
        few=few,
        measured=share,
        threshold=weight.bar,
        unit="share",
        samples=round(requests.total),
        window_seconds=requests.covered_minutes * 60,
    )
