"""Which of a team's recommendations is for a finding. Pure."""

from collections.abc import Iterable

from optimus_tui.contract.finding_rules import LATENCY_FEW
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import TeamAdvice
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.workflow.ranking import MATTERS, level, rank, tenant_of


def is_for(advice: TeamAdvice, found: Diagnostic | Finding) -> bool:
    """Return True if a recommendation is for a finding, by rule, subject and cause: an effect ends with its cause.

    A note about a few slow checks is no reason for a command: it may be chance, and a cure could do harm.
    """
    if advice.command and found.rule == LATENCY_FEW and rank(level(found)) < MATTERS:
        return False
    if advice.subjects and found.subject not in advice.subjects and tenant_of(found) not in advice.subjects:
        return False
    if found.caused_by:
        cause = found.caused_by if isinstance(found.caused_by, str) else found.caused_by[0]
        return _covers(advice.when, cause) and _covers((*advice.when, *advice.effects), found.rule)
    return _covers(advice.when, found.rule)


def _covers(rules: Iterable[str], rule: str) -> bool:
    return any(rule == one or (one.endswith(".") and rule.startswith(one)) for one in rules)
