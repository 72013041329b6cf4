"""Throughput and error rate from the gateway's own counter of requests, and the form of one metric's result."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from optimus_tui.contract.finding_rules import METRICS_UNMEASURED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import REQUESTS, Increase
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import WindowSource
from optimus_tui.contract.tools.traffic import PerformanceQuery
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.verdicts.gateway import performance as verdicts
from optimus_tui.verdicts.gateway.failures import GATEWAY, find_errors
from optimus_tui.verdicts.gateway.services import find_restarts, restarts_words
from optimus_tui.verdicts.unmeasured import unmeasured

if TYPE_CHECKING:
    from optimus_tui.context import Context


class Result(Struct, frozen=True, kw_only=True):
    """What one metric gives. ``results`` is never empty."""

    results: dict[str, Any]
    covered_minutes: float = 0.0
    source: WindowSource = "live"
    findings: tuple[Finding, ...] = ()


REMEDY = "Let the gateway serve /metrics, or map its names under [metrics] in the settings."


def not_available(subject: str, reason: str, *, remedy: str = REMEDY) -> Result:
    """Return the result for a metric that cannot be measured, with the finding about it."""
    return Result(
        results={"status": "not available", "reason": reason},
        findings=(unmeasured(subject, reason, rule=METRICS_UNMEASURED, remedy=remedy),),
    )


def reason_of(fault: Fault | None, otherwise: str) -> str:
    """Return a fault as one sentence, or ``otherwise`` for no fault."""
    return sentence(fault) or otherwise


STATUS_REMEDY = "Let the counter carry a label status (or status_code, code) with the answer's HTTP status."
OTHERS = "other"
"""The label under which a gateway sums tenants beyond its bound."""


async def throughput(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure requests by route, tenant, method and status."""
    grown = await Counters(ctx, query.time_window_minutes).increase(REQUESTS)
    if grown.covered_minutes <= 0:
        return uncounted("throughput", grown)
    own = verdicts.of_tenant(grown, query.tenant_filter)
    return Result(
        results={"status": "ok", **verdicts.throughput(own), **verdicts.beside_counters(grown), **_notes(grown, query)},
        covered_minutes=grown.covered_minutes,
        source=grown.source,
        findings=tuple(find_restarts(grown)),
    )


async def error_rate(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure the shares of failed, refused and wrong requests."""
    grown = await Counters(ctx, query.time_window_minutes).increase(REQUESTS)
    if grown.covered_minutes <= 0:
        return uncounted("error rate", grown)
    own = verdicts.of_tenant(grown, query.tenant_filter)
    figures = verdicts.error_rate(own)
    if query.tenant_filter is None:
        subject = GATEWAY
    else:
        subject = verdicts.shown(query.tenant_filter)
    findings = [*find_errors(own, subject, ctx.settings.thresholds), *find_restarts(grown)]
    status = "no requests"
    if figures["requests"]:
        status = "ok"
    if why := figures.get("failures_unknown"):
        status = "not available"
        figures["reason"] = why
        findings += not_available("error rate", why, remedy=STATUS_REMEDY).findings
    return Result(
        results={"status": status, **figures, **verdicts.beside_counters(grown), **_notes(grown, query)},
        covered_minutes=grown.covered_minutes,
        source=grown.source,
        findings=tuple(findings),
    )


def uncounted(subject: str, grown: Increase) -> Result:
    """Return the result for a figure that is unknown, with why, and the processes or targets in question."""
    missing = not_available(subject, reason_of(grown.fault, "requests were not counted in this window"))
    known = {name: value for name, value in verdicts.beside_counters(grown).items() if value}
    return Result(results={**missing.results, **known}, findings=missing.findings)


def _notes(grown: Increase, query: PerformanceQuery) -> dict[str, Any]:
    """What the reader must know of the counter: tenants that are summed, a better source that did not answer."""
    notes = []
    if any(one.labels.get("tenant") == OTHERS and one.increase for one in grown.series):
        notes.append('the gateway counts tenants beyond its maximum as "other": a tenant may be among them')
    if query.tenant_filter is not None and not any("tenant" in one.labels for one in grown.series) and grown.series:
        notes.append("the gateway does not count by tenant: which requests are this tenant's is unknown")
    if grown.lower_bound:
        lost = "not every process was seen often enough"
        if grown.restarts:
            lost = "what processes counted after they were last read is lost"
        notes.append(f"the figures are lower bounds: {restarts_words(grown)}{lost}")
    if grown.fault is not None:
        notes.append(sentence(grown.fault) or "")
    if notes:
        return {"notes": notes}
    return {}
