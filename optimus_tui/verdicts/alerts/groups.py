"""Which findings belong to one alert, and which cannot be judged at the moment. Pure.

A finding whose source cannot be read is neither present nor cleared.
"""

from collections.abc import Callable

from optimus_tui.contract.finding_rules import (
    CACHE_HIT_RATE,
    CACHE_UNMEASURED,
    FEED_BROKEN,
    FEED_DENIED,
    FEED_DOWN,
    LIMITS_PARTIAL,
    LIMITS_UNMEASURED,
    METRICS_SEVERAL_PROCESSES,
    SERVER_INFO_SENSELESS,
    SERVER_INFO_UNKNOWN,
    SERVER_LOGIN,
    SERVER_UNKNOWN,
    SERVER_UNREACHABLE,
    rule_of,
)
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.health import HealthReport
from optimus_tui.verdicts.gateway.hit_rate import MIN_LOOKUPS
from optimus_tui.verdicts.gateway.services import answered

Key = tuple[str, str]
Unjudged = Callable[[Finding], bool]

_NO_ANSWER = frozenset({SERVER_LOGIN, SERVER_UNREACHABLE, SERVER_UNKNOWN, SERVER_INFO_UNKNOWN})
"""Rules of what Redis does not answer: they have cleared as soon as they are not found any more."""


def key_of(finding: Finding) -> Key:
    """Return the pair that identifies the alert of a finding: its group and its subject."""
    rule = finding.rule
    if sums_up(finding):
        return rule, finding.subject
    return _trouble_of(rule), finding.subject


def keys_of(rule: str, subject: str) -> tuple[Key, Key]:
    """Return the keys of the alerts that a mute of this rule and subject can apply to."""
    return (rule, subject), (_trouble_of(rule), subject)


def _trouble_of(rule: str) -> str:
    return rule_of(rule).alert_group


def sums_up(finding: Finding) -> bool:
    """Return True for a finding that stands for many subjects.

    Its threshold of 0 tells it from a tenant of that name.
    """
    return finding.subject in ("several counters", "several tenants") and finding.threshold == 0.0


def unjudged(report: HealthReport) -> Unjudged:
    """Return a function that tells whether a finding missing from ``report`` could not be judged at all."""
    rules = {finding.rule for finding in report.findings}
    no_redis = report.server is None or report.server.fault is not None
    rate = report.hit_rate
    no_rate = rate is None or (rate.samples is not None and rate.samples < MIN_LOOKUPS)
    gateway = None
    if report.gateway and report.gateway.value:
        gateway = report.gateway.value.service
    silent = {
        "gateway": not answered(gateway),
        "engine": not answered(report.engine.value if report.engine else None),
        "postgres": not answered(report.postgres.value if report.postgres else None),
        "redis": no_redis,
    }

    def tell(finding: Finding) -> bool:
        family = finding.rule.partition(".")[0]
        if finding.rule == CACHE_HIT_RATE:
            return no_rate
        if family == "latency":
            return silent.get(finding.subject, False)
        if family in ("feed", "events"):
            return bool(rules & {FEED_BROKEN, FEED_DOWN, FEED_DENIED})
        if family in ("errors", "breaker", "gateway", "metrics"):
            return silent["gateway"] or (family in ("errors", "gateway") and METRICS_SEVERAL_PROCESSES in rules)
        if family == "server":
            hidden = bool(rules & {SERVER_INFO_UNKNOWN, SERVER_INFO_SENSELESS} - {finding.rule})
            return finding.rule not in _NO_ANSWER and (no_redis or hidden)
        if family == "limits":
            return no_redis or bool(rules & {LIMITS_UNMEASURED, LIMITS_PARTIAL})
        if family in ("cache", "coherence"):
            return no_redis or CACHE_UNMEASURED in rules
        return False

    return tell
