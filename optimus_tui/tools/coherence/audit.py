"""The auditor's part of a coherence analysis: examines the keys that invalidations named. It changes none of them."""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from optimus_tui.contract.reading import Fault
from optimus_tui.grammar.keys import parse_key
from optimus_tui.tools.coherence.events import PART_SECONDS, Log, stamp
from optimus_tui.tools.coherence.keys import Keys
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.verdicts.coherence.audit import Audited, AuditPlan, count, judge, lengthen, plan
from optimus_tui.verdicts.coherence.events import EventWindow
from optimus_tui.verdicts.statistics.percentiles import percentile
from optimus_tui.verdicts.values import status_of
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

SHOWN = 20


class Audit(Struct, frozen=True, kw_only=True):
    """What was planned and what was found."""

    plan: AuditPlan
    audited: tuple[Audited, ...] = ()
    fault: Fault | None = None


async def audit(ctx: "Context", window: EventWindow, keys: Keys) -> Audit:
    """Read the keys that the window's events named, the newest events first, at most three hundred keys."""
    from optimus_tui.probes.faults import OUTAGES, fault_of
    from optimus_tui.probes.keys.coherence import look_at_keys

    whole = keys.report.coverage.complete
    made = await asyncio.to_thread(plan, window.events, keys.names_of, complete=whole)
    names = list(made.keys)
    try:
        async with asyncio.timeout(PART_SECONDS):
            looks = await look_at_keys(ctx.redis, names)
    except OUTAGES as error:
        return Audit(plan=made, fault=fault_of(error, ctx.settings.redis))
    wall = ctx.clock.wall()
    tenants = {tenant for _, tenant in keys.groups}
    kinds = [parse_key(name, tenants).kind for name in names]
    lived = lengthen(
        keys.lifetimes, [(kind, look.pttl_ms, look.idle_s) for kind, look in zip(kinds, looks, strict=True)]
    )
    audited = tuple(
        judge(
            name,
            made.keys[name],
            pttl_ms=look.pttl_ms,
            idle=look.idle_s,
            lifetime=lived.get(kind),
            wall=wall,
            ahead=window.ahead,
        )
        for name, kind, look in zip(names, kinds, looks, strict=True)
    )
    return Audit(plan=made, audited=audited)


def audit_section(audit: Audit | None, log: Log | None) -> dict[str, Any]:
    """Return counts, times, and the keys that survived, each with its evidence."""
    if log is None:
        return {**_NOTHING, "status": "not checked", "error": None}
    if audit is None or audit.fault is not None:
        return {**_NOTHING, "status": "unknown", "error": sentence(audit.fault if audit else log.fault)}
    made, counts = audit.plan, count(audit.audited)
    refills = sorted(one.refill_ms for one in audit.audited if one.refill_ms is not None)
    return {
        "status": status_of(made.naming, "nothing to check"),
        "events_naming_keys": made.naming,
        "checked": len(audit.audited) + made.absent,
        **{str(name): number for name, number in counts.items()},
        "vanished": counts["vanished"] + made.absent,
        "refill_ms": {
            "p50": _rounded(percentile(refills, 0.50)),
            "p95": _rounded(percentile(refills, 0.95)),
            "samples": len(refills),
            "basis": "estimated from TTLs; what came back within seconds is among the unknown",
        },
        "stale_keys": _named(audit.audited, "survived_stale"),
        "suspected_keys": _named(audit.audited, "suspected_stale"),
        "omitted": sum(max(0, counts[name] - SHOWN) for name in ("survived_stale", "suspected_stale")),
        "not_understood": made.strange,
        "left_out": made.left_out,
        "error": None,
    }


_NOTHING: dict[str, Any] = {
    "checked": None,
    "vanished": None,
    "refilled": None,
    "survived_stale": None,
    "suspected_stale": None,
    "unknown": None,
    "refill_ms": None,
    "stale_keys": [],
}


def _named(audited: tuple[Audited, ...], outcome: str) -> list[dict[str, Any]]:
    return [
        {
            "key": safe_text(one.key, 200),
            "event": safe_text(one.event.event.type, 80),
            "invalidated_at": stamp(one.event.at),
            "ttl_seconds": None if one.ttl_ms is None else round(one.ttl_ms / 1000),
            "idle_seconds": one.idle,
            "evidence": one.evidence,
        }
        for one in audited
        if one.outcome == outcome
    ][:SHOWN]


def _rounded(value: float | None) -> int | None:
    if value is None:
        return None
    return round(value)
