"""Turn verdicts and readings into the headline and sections of a document. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import Counter, LimitRow
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import ServiceState
from optimus_tui.contract.tools.common import Diagnostic, rounded
from optimus_tui.contract.tools.state import DependencySection, InstanceSection, LimitSection
from optimus_tui.verdicts.limits.words import operation_words
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import MOST_ALIAS
from optimus_tui.wording.truth import OVERALL_MARKS, SEVERITY_WORDS, StateGlyph, verdict_mark

TOLD_DELAY_MS = 50.0
HEALTH_SEVERITY = {"low": "info", "medium": "warning", "high": "warning", "critical": "critical"}


def diagnostics(findings: Iterable[Finding], words: dict[str, str] | None = None) -> tuple[Diagnostic, ...]:
    """Return findings in the form that documents have; ``words`` renames the severities."""
    return tuple(
        Diagnostic(
            severity=(words or {}).get(finding.severity, finding.severity),
            level=finding.severity,
            message=finding.message,
            impact=finding.impact,
            rule=finding.rule,
            subject=finding.subject,
            measured=finding.measured,
            measured_words=finding.measured_words,
            threshold=finding.threshold,
            unit=finding.unit,
            samples=finding.samples,
            window_seconds=finding.window_seconds,
            caused_by=finding.caused_by[0] if finding.caused_by else "",
        )
        for finding in findings
    )


def sentence(fault: Fault | None) -> str | None:
    """Return a fault and its remedy as one sentence; None for no fault."""
    if fault is None:
        return None
    if fault.remedy:
        return f"{fault.message}; {fault.remedy}"
    return fault.message


def dependency(reading: Reading[ServiceState] | None) -> DependencySection:
    """Return a service's section; "not checked" if it was not asked."""
    if reading is None:
        return DependencySection(status="not checked")
    state = reading.value
    if state is None:
        return DependencySection(status="unknown", error=sentence(reading.fault))
    return service(state, reading.fault)


def service(state: ServiceState, fault: Fault | None = None) -> DependencySection:
    """Return the section of a service that was asked."""
    return DependencySection(
        status=state.status,
        latency_ms=rounded(state.latency_ms),
        own_delay_ms=rounded(state.own_ms) if state.own_ms >= TOLD_DELAY_MS else None,
        status_code=state.status_code,
        version=state.version,
        error=sentence(state.fault or fault),
        says=state.remark.words if state.remark else None,
        instances=tuple(
            InstanceSection(
                address=safe_text(one.address, 200),
                status=one.state.status,
                latency_ms=rounded(one.state.latency_ms),
                status_code=one.state.status_code,
                error=sentence(one.state.fault),
            )
            for one in state.instances
        ),
    )


def limit_section(counter: Counter, row: LimitRow | None = None) -> LimitSection:
    """Return one counter as documents show it; seconds are rounded up."""
    section = LimitSection(
        current_count=counter.count,
        ttl_seconds=None if counter.ends_ms is None else math.ceil(counter.ends_ms / 1000),
        immortal=counter.immortal,
        error=counter.problem,
    )
    if row is None:
        return section
    return replace(section, limit=row.limit, window_seconds=row.window_seconds, state=_state_word(row))


def _state_word(row: LimitRow) -> str | None:
    """Return the row's state, None where it is not known; a limiter's flag that refuses is a limit that is used up."""
    if row.state == "unknown":
        return None
    if row.counter.blocked:
        return row.state
    return row.word


MOST_ALIASES = 200


def aliases_of(rows: Iterable[LimitRow]) -> dict[str, str] | UnsetType:
    """Return what people call the tenants of these counters, by their names; UNSET where none has an alias."""
    found = {safe_text(row.counter.tenant, 200): safe_text(row.alias, MOST_ALIAS) for row in rows if row.alias}
    return dict(list(found.items())[:MOST_ALIASES]) or UNSET


def operation_name(counter: Counter) -> str:
    """Return the operation as a document's key."""
    return operation_words(counter.operation, 200)


_GOOD = ("all_pass", "none")
"""Verdicts that find nothing wrong."""


def headline(document: Mapping[str, Any]) -> StateGlyph | None:
    """Return the mark of a document's verdict, or None if it has no verdict."""
    if "overall_compliance" in document:
        return _compliance(document, str(document["overall_compliance"]))
    verdict = document.get("overall_status") or document.get("severity_assessment")
    if verdict is None:
        return None
    rules = [one.get("rule", "") for one in document.get("diagnostics", ()) if isinstance(one, Mapping)]
    return _verdict(str(verdict), rules)


def _verdict(verdict: str, rules: Sequence[str]) -> StateGlyph:
    if verdict in OVERALL_MARKS:
        return verdict_mark(verdict, rules)
    word = safe_text(verdict.replace("_", " "), 40).upper()
    if verdict in SEVERITY_WORDS:
        mark = SEVERITY_WORDS[verdict]
        return StateGlyph(mark.glyph, word, mark.severity_style)
    if verdict in _GOOD:
        return StateGlyph("●", word, "ok")
    return StateGlyph("▲", word, "warning")


def _compliance(document: Mapping[str, Any], compliance: str) -> StateGlyph:
    """Return the average's word and figure, with the worst file beside them: an average hides a broken router."""
    files = document.get("files", ())
    scores = [float(file["compliance_score"]) for file in files if file.get("compliance_score") is not None]
    average = document.get("average_compliance_score")
    if not files:
        return StateGlyph("▲", "NOTHING WAS JUDGED", "warning")
    if not scores or average is None:
        return StateGlyph("○", "NO SCORE: NO PATTERN APPLIES", "quiet")
    words = f"{safe_text(compliance.replace('_', ' '), 40).upper()} {average:.2f}"
    if min(scores) < average:
        words += f", worst file {min(scores):.2f}"
    if compliance == "needs_improvement" or min(scores) == 0:
        return StateGlyph("✖", words, "critical")
    if any(issue.get("priority") in ("high", "medium") for issue in document.get("issues_found", ())):
        return StateGlyph("▲", words, "warning")
    return StateGlyph("●", words, "ok")
