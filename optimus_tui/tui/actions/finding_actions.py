"""What can be done about a finding: actions on the counters or cache groups that it sums up.

A finding names its tenant in text. The bytes of the name are looked up in the last readings, and if two tenants look
the same, neither is offered.
"""

from collections.abc import Sequence

from optimus_tui.contract.actions import ActionKind, ActionRequest
from optimus_tui.contract.cache import CacheReport
from optimus_tui.contract.finding_rules import CACHE_NO_TTL, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRow, LimitsReport
from optimus_tui.tui.actions.counter_actions import Offer, counter_offers
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

MOST = 8
"""Tenants offered for a finding that sums up several."""


def finding_offers(finding: Finding, limits: LimitsReport | None, cache: CacheReport | None) -> list[Offer]:
    """Return the actions that cure a finding, those of the most affected tenant first. Empty if there is none.

    Args:
        finding: A finding of the health report.
        limits: The last reading of the counters; None before the first.
        cache: The last reading of the cache keys; None before the first.
    """
    rule = rule_of(finding.rule)
    if rule.limit_state and rule.cured_by and limits is not None:
        rows = [row for row in limits.rows if row.state == rule.limit_state and not row.counter.doubt]
        named = [row for row in rows if subject_of(row) == finding.subject]
        if len(named) == 1:
            return counter_offers(named[0])
        if finding.subject == "several counters":
            return _of_tenants(rule.cured_by, rows)
        return []
    if finding.rule == CACHE_NO_TTL and cache is not None:
        return _without_ttl(cache)
    return []


def _of_tenants(kind: ActionKind, rows: Sequence[LimitRow]) -> list[Offer]:
    counts: dict[bytes, int] = {}
    for row in rows:
        if row.counter.tenant:
            counts[row.counter.tenant] = counts.get(row.counter.tenant, 0) + 1
    words = {
        "repair_counter": ("Repair the counters of {who}", "{count} without a TTL get their window back"),
        "reset_counters": ("Reset all counters of {who}", "{count} used up; every operation starts again at 0"),
    }[kind]
    return [
        Offer(
            words[0].format(who=safe_text(tenant, 60)),
            words[1].format(count=plural(count, "counter")),
            ActionRequest(kind=kind, tenant=tenant),
        )
        for tenant, count in sorted(counts.items(), key=lambda one: -one[1])[:MOST]
    ]


def _without_ttl(cache: CacheReport) -> list[Offer]:
    found = {
        (group.kind, group.tenant): group.without_ttl
        for kind in cache.kinds
        for group in kind.tenants
        if group.tenant and group.without_ttl
    }
    return [
        Offer(
            f"Unlink {safe_text(kind, 40)} of {safe_text(tenant, 60)} without TTL",
            f"{plural(count, 'key')} that would never expire",
            ActionRequest(kind="unlink_no_ttl", tenant=tenant, cache_kind=kind),
        )
        for (kind, tenant), count in sorted(found.items(), key=lambda one: -one[1])[:MOST]
        if tenant
    ]
