"""Restarts of the gateway's processes within a window, as their start times tell. Pure.

A deployment replaces each process once; a crash loop replaces one again and again. What is judged is therefore how
often each of the processes that count together was replaced, and in windows of more than an hour how often an hour.
"""

import math

from optimus_tui.contract.finding_rules import GATEWAY_RESTARTS, METRICS_SEVERAL_PROCESSES
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.metrics import Grown
from optimus_tui.wording.numbers import plural

HIGH, MEDIUM = 3, 2


def find_restarts(grown: Grown) -> list[Finding]:
    """Return a finding about restarts of a process: three are high, two medium, one low."""
    if not grown.restarts:
        return []
    hours = max(1.0, grown.covered_minutes / 60)
    each = math.ceil(grown.restarts / max(1, grown.together) / hours)
    severity: Severity = "low"
    if each >= MEDIUM:
        severity = "medium"
        if each >= HIGH:
            severity = "high"
    if grown.covered_minutes >= 1:
        span = f"{grown.covered_minutes:.0f} min"
    else:
        span = f"{grown.covered_minutes * 60:.0f} s"
    return [
        make_finding(
            rule=GATEWAY_RESTARTS,
            severity=severity,
            subject="gateway",
            times=plural(grown.restarts, "time"),
            span=span,
            processes=plural(grown.processes, "process", "processes"),
            measured=float(grown.restarts),
            threshold=float(MEDIUM),
            unit="restarts",
            samples=grown.processes,
            window_seconds=grown.covered_minutes * 60,
        )
    ]


def find_several(grown: Grown) -> list[Finding]:
    """Return a low finding where several processes answer that cannot be distinguished."""
    if not grown.several:
        return []
    reason = phrase(METRICS_SEVERAL_PROCESSES, "reason")
    if grown.fault:
        reason = grown.fault.message
    return [
        make_finding(
            rule=METRICS_SEVERAL_PROCESSES,
            subject="gateway",
            reason=reason,
            measured="unknown",
            threshold="one process, or start times that differ",
            samples=grown.processes,
        )
    ]


def restarts_words(grown: Grown) -> str:
    """Return ``at least 3 restarts, ``; "" without one."""
    if grown.restarts:
        return f"at least {plural(grown.restarts, 'restart')}, "
    return ""


def processes_section(grown: Grown) -> dict[str, int] | None:
    """Return ``{seen, restarts}`` for documents, or None where nothing was seen."""
    if grown.processes:
        return {"seen": grown.processes, "restarts": grown.restarts}
    return None
