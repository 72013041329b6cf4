"""Which findings belong to one trouble, and which cannot be judged at the moment. Pure.

Refuses to take silence for health: a finding whose source went blind is neither there nor cleared.
"""

from collections.abc import Callable

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.health import HealthReport
from optimus_tui.verdicts.hit_rate import MIN_LOOKUPS
from optimus_tui.verdicts.services import answered

Key = tuple[str, str]
Unjudged = Callable[[Finding], bool]

_ONE_TROUBLE = {
    "latency.p95": "latency",
    "latency.now": "latency",
    "limits.near": "limits.counter",
    "limits.over": "limits.counter",
    "limits.immortal": "limits.counter",
    "limits.broken": "limits.counter",
    "server.login": "server",
    "server.unreachable": "server",
    "feed.broken": "feed.link",
    "feed.denied": "feed.link",
    "feed.down": "feed.link",
    "feed.silent": "feed.link",
}
"""Rules of which at most one holds for a subject: going from one to the other is one episode that changes."""

_NO_ANSWER = frozenset({"server.login", "server.unreachable", "server.unknown", "server.info_unknown"})
"""Rules of what Redis does not answer: they have cleared as soon as they are not found any more."""


def key_of(finding: Finding) -> Key:
    """What identifies its episode."""
    rule = finding.rule
    if sums_up(finding):
        return rule, finding.subject
    return _trouble_of(rule), finding.subject


def keys_of(rule: str, subject: str) -> tuple[Key, Key]:
    """The episodes that a mute of this rule and subject can be about."""
    return (rule, subject), (_trouble_of(rule), subject)


def _trouble_of(rule: str) -> str:
    return _ONE_TROUBLE.get(rule, rule.removesuffix("_unknown"))


def sums_up(finding: Finding) -> bool:
    """True for a finding that stands for many of its rule. The threshold tells it from a tenant of that name."""
    return finding.subject in ("several counters", "several tenants") and finding.threshold == 0.0


def unjudged(report: HealthReport) -> Unjudged:
    """Tells of a finding that is not in ``report`` whether that could be known at all."""
    rules = {finding.rule for finding in report.findings}
    no_redis = report.server is None or report.server.fault is not None
    rate = report.hit_rate
    no_rate = rate is None or (rate.samples is not None and rate.samples < MIN_LOOKUPS)
    gateway = report.gateway.value.service if report.gateway and report.gateway.value else None
    silent = {
        "gateway": not answered(gateway),
        "engine": not answered(report.engine.value if report.engine else None),
        "postgres": not answered(report.postgres.value if report.postgres else None),
        "redis": no_redis,
    }

    def tell(finding: Finding) -> bool:
        family = finding.rule.partition(".")[0]
        if finding.rule == "cache.hit_rate":
            return no_rate
        if family == "latency":
            return silent.get(finding.subject, False)
        if family in ("feed", "events"):
            return bool(rules & {"feed.broken", "feed.down", "feed.denied"})
        if family in ("errors", "breaker", "gateway", "metrics"):
            return silent["gateway"] or (family in ("errors", "gateway") and "metrics.several_processes" in rules)
        if family == "server":
            hidden = bool(rules & {"server.info_unknown", "server.info_senseless"} - {finding.rule})
            return finding.rule not in _NO_ANSWER and (no_redis or hidden)
        if family == "limits":
            return no_redis or bool(rules & {"limits.unmeasured", "limits.partial"})
        if family in ("cache", "coherence"):
            return no_redis or "cache.unmeasured" in rules
        return False

    return tell
