"""troubleshoot_production_issue, rate_limiting: one tenant's counters, read twice, beside those of the other tenants.

It refuses to let the number of counters decide the size of an answer: the most urgent are shown, the rest is counted.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import UnparsedNames
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.contract.tools.troubleshoot import TroubleshootQuery
from optimus_tui.grammar.keys import parse_key
from optimus_tui.index.limits import LimitIndex
from optimus_tui.tools.evidence import Evidence
from optimus_tui.tools.limit_sections import MOST_ROWS, limit_sections, unparsed_section
from optimus_tui.tools.survey import Survey, read_known, survey
from optimus_tui.verdicts import limits as limit_verdicts
from optimus_tui.verdicts.limit_blocked import common_limits
from optimus_tui.verdicts.playbooks import rate_limiting as playbook
from optimus_tui.verdicts.playbooks.inquiry import Conclusion
from optimus_tui.verdicts.rules import merge_rules

if TYPE_CHECKING:
    from optimus_tui.context import Context

MAX_COUNTERS = 5_000
MAX_OTHERS = 300
"""Counters of other tenants on the same operations: they tell a low limit from a busy client."""
COUNT_SECONDS = 1.5
SLOPE_SECONDS = 1.5
LATEST_SECOND_READ = 4.0


class _Counted(Struct, frozen=True, kw_only=True):
    """Counters as read, and the picture they stand in. ``found`` and ``total`` are of the tenant and of all."""

    index: LimitIndex
    coverage: Coverage
    found: int
    total: int
    unparsed: UnparsedNames
    slope_seconds: float | None
    fault: Fault | None
    layout: tuple[Finding, ...] = ()


async def rate_limiting(ctx: "Context", query: TroubleshootQuery, part: Evidence) -> tuple[Conclusion, dict[str, Any]]:
    """What the playbook concludes, and the document's sections."""
    tenant = query.tenant_id.encode()
    gateway, server, refused, counted = await asyncio.gather(
        part.gateway(with_rules=True),
        part.server(),
        part.increase("rate_limit_refused_total", {"tenant": query.tenant_id}),
        _count(ctx, tenant),
    )
    rules = merge_rules(gateway.value.rules if gateway.value else None, ctx.settings.limits)
    read, tracks = counted.index.counters(ctx.clock.mono()), counted.index.tracks()
    thresholds = ctx.settings.thresholds
    report = limit_verdicts.judge(
        [one for one in read if one.tenant == tenant],
        tracks=tracks,
        rules=rules,
        thresholds=thresholds,
        coverage=counted.coverage,
        unparsed=counted.unparsed,
        total=counted.total,
    )
    everybody = [limit_verdicts.judge_row(one, None, rules, thresholds) for one in read]
    evidence = playbook.LimitEvidence(
        tenant=tenant,
        gateway=gateway,
        server=server,
        report=report,
        found=counted.found,
        fault=counted.fault,
        slope_seconds=counted.slope_seconds,
        refused=refused,
        target=ctx.settings.operator_redis or ctx.settings.redis,
        common=common_limits(everybody),
        layout=counted.layout,
    )
    told = playbook.conclude(evidence, thresholds)
    details = {
        **told.analysis,
        "omitted": max(0, counted.found - min(len(report.rows), MOST_ROWS)),
        "unparsed": unparsed_section(counted.unparsed),
    }
    return told, {"rate_limiting_analysis": limit_sections(report.rows), "rate_limiting_details": details}


async def _count(ctx: "Context", tenant: bytes) -> _Counted:
    """All names, then this tenant's counters twice, so that they have slopes. An index of their own has room."""
    began = ctx.clock.mono()
    seen = await survey(ctx, tenant=tenant)
    names, index = sorted(seen.of_tenant)[:MAX_COUNTERS], LimitIndex()
    fault, slope_seconds = seen.fault, None
    first, incomplete = await read_known(ctx, seen, [*names, *_others(seen, names)])
    fault = fault or incomplete
    index.put(first)
    if first and incomplete is None:
        first_read = ctx.clock.mono()
        if first_read - began < LATEST_SECOND_READ:
            await asyncio.sleep(SLOPE_SECONDS)
            again, incomplete = await read_known(ctx, seen, names, COUNT_SECONDS)
            if incomplete is None:
                index.put(again)
                index.gone(set(names) - {counter.key for counter in again}, ctx.clock.mono())
                slope_seconds = ctx.clock.mono() - first_read
    return _Counted(
        index=index,
        coverage=seen.coverage,
        found=len(seen.of_tenant),
        total=seen.limits.total,
        unparsed=seen.limits.unparsed,
        slope_seconds=slope_seconds,
        fault=fault,
        layout=tuple(seen.find_unknown_layout()),
    )


def _others(seen: Survey, names: list[bytes]) -> list[bytes]:
    """Other tenants' counters of the operations that this tenant uses, as many as are needed to see who is alone."""
    operations = {parse_key(name).operation for name in names}
    everybody = seen.limits.names_to_read(seen.limits.total + 1) if operations else []
    return [one for one in everybody if one not in seen.of_tenant and parse_key(one).operation in operations][
        :MAX_OTHERS
    ]
