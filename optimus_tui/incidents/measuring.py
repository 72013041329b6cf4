"""What an incident keeps of the history: the minutes before it, and its impact at the end.

It does not wait for a slow history or tool: after 2 s the figure is left out, and the impact is "unknown".

An action's receipt in the form that an incident keeps: counts and words. The keys stay in the audit.
"""

import asyncio
from typing import Any

import msgspec

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.actions import Receipt
from optimus_tui.contract.incident import KeptReceipt, Outcome
from optimus_tui.incidents.service import IncidentService
from optimus_tui.wording.numbers import clause
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.outcomes import outline

SERIES = ("latency.", "hit_rate.", "cache.", "coherence.", "limits.", "redis.", "events.", "state.", "gateway.")
SECONDS = 2.0
MOST_SERIES, MOST_SAMPLES = 60, 4_000
IMPACT = ("error_rate", "latency")
MOST_MINUTES = 10_080


async def capture(incident_service: IncidentService, minutes: float = 10.0) -> int:
    """Keep the last ``minutes`` of the history as evidence.

    Returns:
        The number of series with samples; 0 if nothing is recorded.
    """
    until = incident_service.ctx.clock.wall()
    since = until - 60 * max(0.0, minutes)
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(SECONDS):
            store = incident_service.ctx.store
            names = [name for name in await store.names() if "|" not in name and name.startswith(SERIES)]
            many = await store.many(names[:MOST_SERIES], since, until)
            found = {name: samples[-MOST_SAMPLES:] for name, samples in many.items() if samples}
    except TimeoutError:
        pass
    if found:
        kept = incident_service.document("history", {"since": since, "until": until, "series": found})
        await incident_service.tell(
            lambda at: happened.Captured(at=at, evidence=kept[0], since=since, until=until, series=len(found)), kept
        )
    return len(found)


async def measure(incident_service: IncidentService) -> None:
    """Measure the impact: error ratio and latency from the beginning until now, and keep the history of that time."""
    incident_service.check_system()
    minutes = span_minutes(incident_service)
    await asyncio.gather(*(_measure(incident_service, name, minutes) for name in IMPACT))
    await capture(incident_service, minutes + 10)


def span_minutes(incident_service: IncidentService) -> int:
    """Return the whole minutes from the beginning of the fault (else the opening) until now, at least 1."""
    state, now = incident_service.state, incident_service.ctx.clock.wall()
    start = state.began
    if start is None:
        start = state.opened.wall if state.opened else now
    return max(1, min(MOST_MINUTES, round((now - start) / 60 + 0.5)))


async def _measure(incident_service: IncidentService, name: str, minutes: int) -> None:
    from optimus_tui.tools.answer import answer
    from optimus_tui.tools.arguments import ToolFailure

    arguments = {"metric_type": name, "time_window_minutes": minutes}
    try:
        report = await answer(incident_service.ctx, "analyze_performance_metrics", arguments)
    except ToolFailure as failure:
        gap = Outcome(verdict="unknown", severity="none", headline=failure.error.message)
        await incident_service.tell(lambda at: happened.ImpactMeasured(at=at, name=name, outcome=gap))
        return
    document = msgspec.json.decode(msgspec.json.encode(report))
    kept, found = incident_service.document(f"impact-{name}", document), outline(document)
    await incident_service.tell(
        lambda at: happened.ImpactMeasured(at=at, name=name, outcome=found, evidence=kept[0]), kept
    )


_DONE = {
    "repair_counter": "counters given a TTL",
    "reset_counters": "counters reset",
    "unlink_no_ttl": "cache keys without TTL unlinked",
    "expire_no_ttl": "cache keys given a TTL",
    "invalidate_tenant": "cache invalidated",
    "unlink_prefix": "cache keys unlinked by prefix",
}


def kept(receipt: Receipt, audit: str = "") -> KeptReceipt:
    """Return the receipt for the incident. ``audit`` names the audit file and the line that prove it."""
    tenant = safe_text(receipt.request.tenant, 120)
    ending = clause(receipt.stopped, "; stopped: ")
    if receipt.cancelled and not receipt.stopped:
        ending = "; cancelled"
    if not receipt.verified:
        ending += "; not verified"
    return KeptReceipt(
        action_id=receipt.id,
        kind=receipt.request.kind,
        tenant=tenant,
        counts=dict(receipt.counts),
        planned=len(receipt.outcomes),
        reason=safe_text(receipt.reason, 400),
        audit=audit,
        words=f"{_DONE.get(receipt.request.kind, receipt.request.kind)} for {tenant}{ending}",
        started=receipt.started_at,
        ended=receipt.started_at + receipt.seconds,
    )
