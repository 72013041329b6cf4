"""analyze_cache_coherence: keys, tracking keys and events of a window, and whether what was invalidated is gone."""

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import COHERENCE_UNMEASURED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.coherence import CoherenceAnalysis, CoherenceQuery, CoherenceReport
from optimus_tui.tools.coherence.arrivals import late_claims
from optimus_tui.tools.coherence.audit import Audit, audit, audit_section
from optimus_tui.tools.coherence.events import events_section, pubsub_section, read_events, read_listeners, recent
from optimus_tui.tools.coherence.keys import Keys, read_keys, sample_section
from optimus_tui.tools.keyspace_scan import Survey, is_refused, survey, unreachable
from optimus_tui.tools.pages.report_sections import diagnostics, sentence
from optimus_tui.verdicts.coherence import advice as verdicts
from optimus_tui.verdicts.coherence.events import covered_minutes
from optimus_tui.verdicts.sorting import worst_first
from optimus_tui.verdicts.unmeasured import find_unmeasured
from optimus_tui.verdicts.values import rounded, status_of

if TYPE_CHECKING:
    from optimus_tui.context import Context

QUERY, REPORT = CoherenceQuery, CoherenceReport
SIZES = 50
"""The size of every n-th key is asked."""


def found(report: CoherenceReport) -> bool:
    """Return True for a finding of medium or worse."""
    return any(one.severity in ("medium", "high", "critical") for one in report.diagnostics)


async def run(ctx: "Context", query: CoherenceQuery) -> CoherenceReport:
    """Analyze the coherence of cache, tracking keys and events.

    The keys are walked over once; the log, the channels and each key that an event names are read once. A part that
    cannot be read is missing alone.

    Raises:
        ToolFailure: Redis cannot be asked, or gives nothing at all.
    """
    from optimus_tui.tools.answer import timestamp

    seen = await survey(ctx, ttls=True, sizes=SIZES)
    if seen.unread is not None and not is_refused(seen.unread):
        raise unreachable(seen.unread)
    log, listeners = await asyncio.gather(
        read_events(ctx, query.time_window_minutes) if query.include_event_log else _nothing(), read_listeners(ctx)
    )
    if seen.unread is not None and (log is None or log.window is None) and listeners.channels is None:
        raise unreachable(seen.unread)
    seen.cache.know_tenants(log.tenants if log else ())
    keys = await read_keys(ctx, seen)
    checked = None
    if log and log.window:
        checked = await audit(ctx, log.window, keys)
    window = None
    if log:
        window = log.window
    if log and window is not None and window.clock is None:
        window = replace(window, clock=await late_claims(ctx, log.payloads))
        log = replace(log, window=window)
    facts = verdicts.Facts(
        cache=keys.report,
        tracking=keys.tracking,
        window=window,
        audited=checked.audited if checked else None,
        unheard=listeners.unheard(window),
    )
    findings = verdicts.find(facts, ctx.settings.thresholds)
    wall = ctx.clock.wall()
    covered = None
    if window:
        covered = covered_minutes(window, wall, query.time_window_minutes)
    return CoherenceReport(
        tool="analyze_cache_coherence",
        timestamp=timestamp(wall),
        window_requested_minutes=query.time_window_minutes,
        window_covered_minutes=rounded(covered, 2),
        source="live",
        cache_coherence_analysis=_totals(keys, seen),
        coverage=seen.section,
        sample_cache_analysis=sample_section(keys),
        recent_coherence_events=recent(window),
        events=events_section(log, covered),
        pubsub=pubsub_section(listeners, window),
        auditor=audit_section(checked, log),
        recommendations=verdicts.advise(facts, findings, ctx.settings.thresholds),
        diagnostics=diagnostics(
            worst_first([*findings, *_unmeasured(seen.fault, log.fault if log else None, listeners.fault, checked)])
        ),
    )


async def _nothing() -> None:
    return None


def _totals(keys: Keys, seen: Survey) -> CoherenceAnalysis:
    if seen.unread is not None:
        return CoherenceAnalysis(
            total_cache_keys=None,
            coherence_tracking_keys=None,
            cache_to_coherence_ratio=None,
            keys_without_ttl=None,
            tracking_keys_not_understood=None,
            unknown=keys.tracking.unknown,
            status="unknown",
            error=sentence(seen.unread),
        )
    total, tracking = keys.report.keys, keys.report.coherence_keys
    whole = keys.report.coverage.complete
    return CoherenceAnalysis(
        total_cache_keys=total,
        coherence_tracking_keys=tracking,
        cache_to_coherence_ratio=round(tracking / total, 3) if total and whole else None,
        keys_without_ttl=keys.without_ttl,
        orphan_tracking_keys=keys.tracking.orphans,
        untracked_cache_keys=keys.tracking.untracked,
        tracking_keys_not_understood=keys.tracking.not_understood,
        unknown=keys.tracking.unknown,
        unknown_layout=seen.names_section,
        status=status_of(seen.fault is None, "partial"),
        error=sentence(seen.fault),
    )


def _unmeasured(*faults: "Fault | Audit | None") -> list[Finding]:
    """Return the findings for what could not be read, also for an outage after the walk: the answer is not complete."""
    found: list[Finding] = []
    names = ("the keyspace", "the event log", "the channels", "the auditor")
    for name, one in zip(names, faults, strict=True):
        if isinstance(one, Audit):
            fault = one.fault
        else:
            fault = one
        if fault is not None and fault.kind not in ("denied", "invalid", "bug"):
            fault = Fault("invalid", fault.message, fault.remedy)
        found += find_unmeasured(name, fault, rule=COHERENCE_UNMEASURED)
    return found
