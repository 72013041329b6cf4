"""The result of one metric of analyze_performance_metrics, and of one that is missing."""

from typing import Any

from msgspec import Struct

from optimus_tui.contract.finding_rules import METRICS_UNMEASURED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import WindowSource
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.verdicts.unmeasured import unmeasured


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
