"""troubleshoot_production_issue, rate_limiting: one tenant's counters, read twice, beside those of other tenants.

The most urgent counters are shown and the rest is counted, so that their number does not decide the size of an answer.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from optimus_tui.contract.metrics import Increase
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.troubleshoot import TroubleshootQuery
from optimus_tui.tools.health.limits import MOST_ROWS, limit_sections, unparsed_section
from optimus_tui.tools.keyspace_scan import Survey, common_limits_of, judge_limits, survey
from optimus_tui.tools.troubleshoot.evidence import EvidenceReader
from optimus_tui.tools.troubleshoot.refusals import RefusalEvidence, Watched, neighbours, read_refusals, read_twice
from optimus_tui.verdicts.gateway.performance import of_tenant
from optimus_tui.verdicts.playbooks import rate_limiting as playbook
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.verdicts.rules import merge_rules

if TYPE_CHECKING:
    from optimus_tui.context import Context

MAX_COUNTERS = 5_000


async def rate_limiting(
    ctx: "Context", query: TroubleshootQuery, part: EvidenceReader
) -> tuple[Conclusion, dict[str, Any]]:
    """Return what the playbook concludes, and the sections of the document."""
    tenant = query.tenant_id.encode()
    gateway, server, (seen, watched, refused) = await asyncio.gather(
        part.gateway(with_rules=True), part.server(), _count(ctx, part, tenant)
    )
    rules = merge_rules(gateway.value.rules if gateway.value else None, ctx.settings.limits)
    report = judge_limits(ctx, seen, rules, watched.index, tenant=tenant, total=seen.limits.total)
    found = len(seen.of_tenant)
    evidence = playbook.LimitEvidence(
        tenant=tenant,
        gateway=gateway,
        server=server,
        report=report,
        found=found,
        fault=seen.fault or watched.fault,
        slope_seconds=watched.slope_seconds,
        refused=_of_tenant(refused.refused.grown, query.tenant_id),
        refusals=refused.findings(watched, rules, query.tenant_id),
        older=refused.older,
        target=ctx.settings.operator_redis or ctx.settings.redis,
        common=common_limits_of(ctx, watched.index, rules),
        layout=tuple(seen.find_unknown_layout()),
    )
    conclusion = playbook.conclude(evidence, ctx.settings.thresholds)
    details = {
        **conclusion.analysis,
        "omitted": max(0, found - min(len(report.rows), MOST_ROWS)),
        "unparsed": unparsed_section(seen.limits.unparsed),
    }
    return conclusion, {"rate_limiting_analysis": limit_sections(report.rows), "rate_limiting_details": details}


async def _count(ctx: "Context", part: EvidenceReader, tenant: bytes) -> tuple[Survey, Watched, RefusalEvidence]:
    """All names, then this tenant's counters twice, with samples of the gateway's page in between."""
    began = ctx.clock.mono()
    seen = await survey(ctx, tenant=tenant)
    names = sorted(seen.of_tenant)[:MAX_COUNTERS]
    watched = await read_twice(ctx, part.counters, seen, names, neighbours(seen, names), began)
    return seen, watched, await read_refusals(ctx, part.counters, part.minutes)


def _of_tenant(refused: Increase, tenant: str) -> Increase:
    """Return this tenant's refusals; unknown if the gateway does not count by tenant and some were refused."""
    nameless = refused.total > 0 and set(refused.by("tenant")) == {""}
    if not nameless:
        return of_tenant(refused, tenant)
    fault = Fault("invalid", "the gateway does not count refusals by tenant")
    return replace(refused, series=(), covered_minutes=0.0, fault=fault)
