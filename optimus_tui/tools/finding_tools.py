"""Which tool explains a finding: one table from the beginning of its rule to an errand. Pure.

A finding's subject is safe text, no identity: its tenant is looked up among the counters that were read, and where it
cannot be told, or cannot be written as JSON text, no tenant is guessed: the general health check is asked instead.
"""

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitsReport
from optimus_tui.tools.tool_call import ToolCall
from optimus_tui.verdicts.limit_words import limit_subject, subject_of, tenant_words

HEALTH = "diagnose_gateway_health"
TROUBLE = "troubleshoot_production_issue"
COHERENCE = "analyze_cache_coherence"

BY_RULE: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("limits.immortal", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.over", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.near", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.tenant_share", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.broken", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.long_ttl", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.kept", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("limits.refused", TROUBLE, {"issue_type": "rate_limiting", "tenant_id": "?"}),
    ("latency.", TROUBLE, {"issue_type": "high_latency"}),
    ("cache.large", COHERENCE, {}),
    ("cache.no_ttl", COHERENCE, {}),
    ("cache.", TROUBLE, {"issue_type": "cache_miss"}),
    ("coherence.", COHERENCE, {}),
    ("events.", COHERENCE, {}),
    ("feed.", COHERENCE, {}),
    ("redis.memory", TROUBLE, {"issue_type": "memory_leak"}),
    ("memory.", TROUBLE, {"issue_type": "memory_leak"}),
    ("redis.", TROUBLE, {"issue_type": "high_latency"}),
    ("services.engine", TROUBLE, {"issue_type": "circuit_breaker"}),
    ("breaker.", TROUBLE, {"issue_type": "circuit_breaker"}),
    ("errors.", TROUBLE, {"issue_type": "circuit_breaker"}),
    ("proxy.", TROUBLE, {"issue_type": "proxy_timeout"}),
)
"""The first that fits; the tenant "?" is the one that the finding is about. Everything else: the health check."""

STATES = {"limits.immortal": "immortal", "limits.over": "over", "limits.near": "near", "limits.broken": "broken"}
"""The state of the counters that a finding about several of them sums up."""


def explain(finding: Finding, limits: LimitsReport | None = None) -> ToolCall:
    """What to run for this finding. ``limits`` are the counters as last read."""
    for prefix, tool, wanted in BY_RULE:
        if finding.rule.startswith(prefix):
            arguments = dict(wanted)
            if arguments.get("tenant_id") == "?":
                tenant = _tenant(finding, limits)
                if tenant is None:
                    return ToolCall(HEALTH)
                arguments["tenant_id"] = tenant
            return ToolCall(tool, arguments)
    return ToolCall(HEALTH)


def _tenant(finding: Finding, limits: LimitsReport | None) -> str | None:
    """The one tenant that the subject names; of several, the most urgent."""
    if limits is None:
        return None
    if finding.subject in ("several counters", "several tenants"):
        state = STATES.get(finding.rule)
        ordered = [row.counter.tenant for row in limits.rows if row.state == state] or [
            one.tenant for one in limits.tenants if state is None
        ]
        return _text(ordered[0]) if ordered else None
    users = [row for row in limits.rows if finding.subject == limit_subject(row.counter.operation)]
    if users:
        return _text(users[0].counter.tenant)
    named = {
        row.counter.tenant
        for row in limits.rows
        if finding.subject in (tenant_words(row.counter.tenant), subject_of(row))
    }
    return _text(named.pop()) if len(named) == 1 else None


def _text(tenant: bytes) -> str | None:
    try:
        return tenant.decode("utf-8") or None
    except UnicodeDecodeError:
        return None
