"""What a document could not measure, and when a missing finding is gone for certain. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.finding_causes import RuleAndSubject
from optimus_tui.contract.finding_rules import (
    CACHE_EVICTIONS,
    CACHE_HIT_RATE_UNKNOWN,
    CACHE_HIT_RATE_UNMEASURED,
    CACHE_LARGE,
    CACHE_NO_TTL,
    LIMITS_BROKEN,
    LIMITS_IMMORTAL,
    LIMITS_REFUSED,
    LIMITS_RULES_UNMEASURED,
    LIMITS_TENANT_SHARE,
    LIMITS_UNKNOWN_LAYOUT,
    METRICS_SEVERAL_PROCESSES,
    SERVER_INFO_SENSELESS,
    SERVER_LOGIN,
    SERVER_UNKNOWN,
    SERVER_UNPROVEN,
    SERVER_UNREACHABLE,
    SERVICE_DOWN,
    SERVICES_GATEWAY,
    rule_of,
)
from optimus_tui.contract.incident import Outcome
from optimus_tui.contract.keyspace import ALL_TENANTS
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.workflow.ranking import matters

NOT_MEASURED = "not measured"
"""Part of a finding's message if a measurement did not end in the time that we gave it."""
_ASKED = ("gateway", "engine", "redis", "postgres")
_OF_SERVICE = ("services.", "latency.")
BLIND = (SERVER_UNREACHABLE, SERVER_UNPROVEN, SERVER_LOGIN, SERVER_UNKNOWN, SERVICES_GATEWAY)
"""While one of these holds, what lies behind it is not measured. A Redis that answers with a fault was measured."""
_KEYS = frozenset({CACHE_NO_TTL, CACHE_LARGE})
SEEN_ANYWAY = {
    CACHE_HIT_RATE_UNKNOWN: _KEYS,
    CACHE_HIT_RATE_UNMEASURED: _KEYS,
    LIMITS_RULES_UNMEASURED: frozenset({LIMITS_IMMORTAL, LIMITS_TENANT_SHARE}),
}
"""Rules that can still be measured under this finding: keys and their TTLs, whatever the gateway says."""
HIDES = {
    LIMITS_UNKNOWN_LAYOUT: ("limits.",),
    METRICS_SEVERAL_PROCESSES: ("errors.", "gateway.", "proxy.", LIMITS_REFUSED),
    SERVER_INFO_SENSELESS: ("server.", "redis.", "memory.", CACHE_EVICTIONS),
}
"""Prefixes of rules that cannot be measured while one of these is new: renamed counters, senseless figures."""


def unseen(one: Diagnostic) -> bool:
    """Return True if the finding only says that something could not be measured, or not in time."""
    return one.rule.endswith(("unmeasured", "_unknown", ".partial")) or NOT_MEASURED in one.message


def is_of(one: RuleAndSubject, target: RuleAndSubject) -> bool:
    """Return True if a finding shows the target's fault: a rule of its group, about its subject or about several."""
    grouped = any(named == ALL_TENANTS or named.startswith("several ") for named in (one.subject, target.subject))
    return group_of(one.rule) == group_of(target.rule) and (grouped or one.subject == target.subject)


def group_of(rule: str) -> str:
    """Return the group of rules that show the same fault: a slow service is one fault, whichever latency rule shows it.

    A counter without a TTL and a used-up limit are two faults, although both have the same alert.
    """
    row = rule_of(rule)
    return row.fault or row.alert_group or rule


def is_blind(aimed: set[str], targets: Sequence[Diagnostic], after: Outcome, known: set[str]) -> bool:
    """Return True if the target of an action could not be measured. ``known``: the rules that held before.

    A service that is asked directly can be measured whatever happens to other services, but not while it is down
    itself.
    """
    families = {rule.partition(".")[0] for rule in aimed}
    subjects = {one.subject for one in targets}
    direct = bool(targets) and all(one.subject in _ASKED and one.rule.startswith(_OF_SERVICE) for one in targets)
    for one in after.findings:
        if one.rule.startswith("services.") and direct:
            down = matters(one) and one.rule in SERVICE_DOWN.values() and one.rule not in aimed
            if one.subject in subjects and (unseen(one) or down):
                return True
            continue
        if one.rule.startswith("metrics.") and direct:
            continue
        if unseen(one) and one.rule.partition(".")[0] in {*families, "metrics"}:
            if not aimed <= SEEN_ANYWAY.get(one.rule, frozenset()):
                return True
            continue
        if one.rule == LIMITS_BROKEN and one.rule not in aimed and one.subject in subjects:
            return True
        if one.rule not in known and any(rule.startswith(HIDES.get(one.rule, ())) for rule in aimed):
            return True
        if matters(one) and one.rule.startswith(BLIND) and one.rule not in aimed:
            return True
    return False
