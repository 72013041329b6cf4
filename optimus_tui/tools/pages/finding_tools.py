"""Find the tool that explains a finding, by the catalogue of rules. Pure.

A finding's subject is only text for display, so its tenant is looked up among the counters that were read. If it is not
found, or cannot be written as JSON text, the general health check is used, without a tenant.
"""

from optimus_tui.contract.finding_rules import HEALTH, rule_of
from optimus_tui.contract.findings import MANY_COUNTERS, Finding
from optimus_tui.contract.keyspace import LimitsReport
from optimus_tui.tools.registry import ToolCall
from optimus_tui.verdicts.limits.words import limit_subject, subject_of, tenant_words


def explain(finding: Finding, limits: LimitsReport | None = None) -> ToolCall:
    """Return the tool that explains a finding, with its arguments.

    Args:
        finding: what is to be explained.
        limits: the counters as last read, in which the finding's tenant is looked up; None if there are none.
    """
    rule = rule_of(finding.rule)
    arguments: dict[str, object] = {}
    if rule.issue:
        arguments["issue_type"] = rule.issue
    if rule.of_tenant:
        tenant = _tenant(finding, limits)
        if tenant is None:
            return ToolCall(HEALTH)
        arguments["tenant_id"] = tenant
    return ToolCall(rule.explained_by, arguments)


def _tenant(finding: Finding, limits: LimitsReport | None) -> str | None:
    """Return the one tenant that the subject names; if there are several, the most urgent."""
    if limits is None:
        return None
    if finding.subject in MANY_COUNTERS:
        state = rule_of(finding.rule).limit_state
        ordered = [row.counter.tenant for row in limits.rows if row.state == state] or [
            one.tenant for one in limits.tenants if state is None
        ]
        if ordered:
            return _text(ordered[0])
        return None
    users = [row for row in limits.rows if finding.subject == limit_subject(row.counter.operation)]
    if users:
        return _text(users[0].counter.tenant)
    named = {
        row.counter.tenant
        for row in limits.rows
        if finding.subject in (tenant_words(row.counter.tenant), subject_of(row))
    }
    if len(named) == 1:
        return _text(named.pop())
    return None


def _text(tenant: bytes) -> str | None:
    try:
        return tenant.decode("utf-8") or None
    except UnicodeDecodeError:
        return None
