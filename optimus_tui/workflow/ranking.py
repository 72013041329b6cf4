"""Rank the issue types to examine by what the first step found, each with its reason. The operator decides. Pure.

All six are always listed; those that no finding points to come last and say so. A tenant is named only if the finding's
subject is plain text, so that an escaped name is never guessed.
"""

from collections.abc import Sequence

from msgspec import Struct

from optimus_tui.contract.finding_rules import LATENCY_SINGLE, LIMITS_REFUSED, LIMITS_TENANT_SHARE, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import ISSUES, Candidate, Outcome
from optimus_tui.contract.limits import ALL_TENANTS, NO_OPERATION, NO_TENANT
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.clauses import and_others
from optimus_tui.workflow.severity import MATTERS, level, rank

USUAL = "high_latency"
"""The issue type that the runbook starts with when no finding points to one."""
_PER_RANK, _FAILING, _PER_SLOW_CHECK, _PER_FINDING = 100, 40, 10, 1
"""One slow measurement weighs less than any finding, and many findings less than one of a higher severity."""
_MOST_COUNTED = 30


class _Clue(Struct, frozen=True):
    """A finding that points to an issue type, and how much it counts."""

    finding: Diagnostic
    score: int


def rank_issues(outcome: Outcome, slow_ms: float) -> tuple[Candidate, ...]:
    """Return all six issue types, the best supported first. ``slow_ms``: milliseconds above which a service is slow."""
    clues: dict[str, list[_Clue]] = {issue: [] for issue in ISSUES}
    for finding in outcome.findings:
        for place, issue in enumerate(issues_of(finding)):
            clues[issue].append(_Clue(finding, _weight(finding) // (1 + place)))
    for look in _slow(outcome, slow_ms):
        for place, issue in enumerate(issues_of(look)):
            clues[issue].append(_Clue(look, _PER_SLOW_CHECK // (1 + place)))
    nothing = not any(clues.values())
    ranked = [_candidate(issue, clues[issue], nothing) for issue in ISSUES]
    return tuple(sorted(ranked, key=lambda one: (-one.score, not nothing or one.issue != USUAL, _place(one))))


def _weight(finding: Diagnostic) -> int:
    degree = rank(level(finding))
    failing = degree >= MATTERS and rule_of(finding.rule).fails_requests
    return _PER_RANK * degree + _FAILING * failing


def _place(candidate: Candidate) -> int:
    return ISSUES.index(candidate.issue)


def issues_of(finding: Diagnostic | Finding) -> tuple[str, ...]:
    """Return the issue types that the finding's rule points to.

    A finding that matters and whose rule points to none gets the usual issue type.
    """
    found = rule_of(finding.rule).points_to
    if found is not None:
        return found
    if rank(level(finding)) < MATTERS:
        return ()
    return (USUAL,)


def _slow(outcome: Outcome, slow_ms: float) -> list[Diagnostic]:
    """Return a clue for each slow service.

    One measurement is no percentile and no finding, only a reason to examine it.
    """
    return [
        Diagnostic(
            severity="medium", rule=LATENCY_SINGLE, subject=one.label,
            message=rule_of(LATENCY_SINGLE).one.format(subject=one.label, took=one.value, limit=slow_ms),
            measured=one.value,
        )
        for one in outcome.figures
        if one.name.startswith("latency.") and one.value is not None and one.value > slow_ms
    ]  # fmt: skip


def _candidate(issue: str, clues: Sequence[_Clue], nothing: bool) -> Candidate:
    if not clues:
        usual = ""
        if nothing and issue == USUAL:
            usual = "; it is the runbook's default"
        return Candidate(issue=issue, reason=f"no finding points to it{usual}", score=0)
    ordered = sorted(clues, key=lambda one: -one.score)
    tenants = [name for one in ordered if (name := tenant_of(one.finding)) is not None]
    return Candidate(
        issue=issue,
        reason=ordered[0].finding.message + and_others(ordered),
        score=ordered[0].score + _PER_FINDING * min(len(ordered), _MOST_COUNTED),
        tenant=next(iter(tenants), None),
        rules=tuple(dict.fromkeys(one.finding.rule for one in ordered)),
    )


def tenant_of(finding: Diagnostic) -> str | None:
    """Return the tenant that a finding about limits names, if its subject leaves no doubt; else None."""
    if not finding.rule.startswith("limits."):
        return None
    subject = finding.subject
    if finding.rule in (LIMITS_TENANT_SHARE, LIMITS_REFUSED):
        if subject == ALL_TENANTS:
            return None
        name = subject
    else:
        name, slash, operation = subject.partition(" / ")
        if not slash or operation == NO_OPERATION:
            return None
    doubtful = not name or name.startswith("several ") or "\\" in name or "…" in name or not name.isascii()
    doubtful = doubtful or name == NO_TENANT or name.startswith(":") or name.endswith(":")
    if doubtful:
        return None
    return name
