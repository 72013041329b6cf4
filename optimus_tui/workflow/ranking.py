"""Rank the issue types to examine by the findings of the first step, and select the findings of the chosen one.

Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from optimus_tui.contract.finding_rules import LATENCY_SINGLE, LIMITS_REFUSED, LIMITS_TENANT_SHARE, rule_of
from optimus_tui.contract.findings import SEVERITIES, Finding, causes_of, is_of_few_requests
from optimus_tui.contract.incident import ISSUES, Candidate, IncidentState, OpenFinding, Outcome, Step
from optimus_tui.contract.keyspace import ALL_TENANTS, NO_OPERATION, NO_TENANT
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.numbers import and_others, clause, latency

_SAME = {"info": "low", "warning": "medium"}
SCALE = ("none", *SEVERITIES)
MATTERS = SCALE.index("medium")
"""The lowest rank that counts as a fault."""
USUAL = "high_latency"
"""The issue type that the runbook starts with when no finding points to one."""
_PER_RANK, _FAILING, _PER_SLOW_CHECK, _PER_FINDING = 100, 40, 10, 1
"""One slow measurement weighs less than any finding, and many findings less than one of a higher severity."""
_MOST_COUNTED = 30


def rank(word: str) -> int:
    """Return 0 for none up to 4 for critical; 0 for an unknown word."""
    word = _SAME.get(word, word)
    if word not in SCALE:
        return 0
    return SCALE.index(word)


def level(finding: Diagnostic | Finding | OpenFinding) -> str:
    """Return low, medium, high or critical: the finding's own level, else that of its severity."""
    if isinstance(finding, Diagnostic) and finding.level:
        return finding.level
    return _SAME.get(finding.severity, finding.severity)


def matters(finding: Diagnostic | Finding) -> bool:
    """Return True if the finding is a fault: medium or worse."""
    return rank(level(finding)) >= MATTERS


def worst(findings: Iterable[Diagnostic]) -> str:
    """Return the worst severity among the findings; "none" without any."""
    return SCALE[max((rank(level(one)) for one in findings), default=0)]


def moved_words(one: Diagnostic, *, is_better: bool) -> str:
    """Return in which direction a finding's figure moved: a hit rate falls where it gets worse, a latency increases."""
    figures = (one.measured, one.threshold)
    if all(isinstance(figure, int | float) for figure in figures) and float(figures[0] or 0) < float(figures[1] or 0):
        if is_better:
            return "it rose"
        return "it fell"
    if is_better:
        return "it decreased"
    return "it increased"


def worse_of(one: str, other: str) -> str:
    """Return the worse of two severities."""
    return SCALE[max(rank(one), rank(other))]


def as_urgent(priority: str, rules: Iterable[str], findings: Sequence[Diagnostic]) -> str:
    """Return the priority of a recommendation; one about a cause is at least as urgent as the cause's worst effect.

    Args:
        priority: The given priority.
        rules: The rules that the recommendation is about.
        findings: All findings, with their causes.
    """
    causes = {one.caused_by for one in findings if one.caused_by}.intersection(rules)
    return worse_of(priority, worst(one for one in findings if one.rule in causes))


class _Clue(Struct, frozen=True):
    """A finding that points to an issue type, and how much it counts."""

    finding: Diagnostic
    score: int


def rank_issues(outcome: Outcome, slow_ms: float) -> tuple[Candidate, ...]:
    """Return all six issue types, the best supported first. ``slow_ms``: milliseconds above which a service is slow."""
    clues: dict[str, list[_Clue]] = {issue: [] for issue in ISSUES}
    effect_weights = _of_effects(outcome.findings, _weight)
    for finding in outcome.findings:
        weight = max(_weight(finding), effect_weights.get(finding.rule, 0))
        if finding.caused_by in effect_weights:
            weight = _weight(finding) // 2
        for place, issue in enumerate(issues_of(finding)):
            clues[issue].append(_Clue(finding, weight // (1 + place)))
    for look in _slow(outcome, slow_ms):
        for place, issue in enumerate(issues_of(look)):
            clues[issue].append(_Clue(look, _PER_SLOW_CHECK // (1 + place)))
    nothing = not any(clues.values())
    ranked = [_candidate(issue, clues[issue], nothing) for issue in ISSUES]
    return tuple(sorted(ranked, key=lambda one: (-one.score, not nothing or one.issue != USUAL, _place(one))))


def _of_effects(findings: Sequence[Diagnostic], degree: Callable[[Diagnostic], int]) -> dict[str, int]:
    """Return the highest degree among the effects of each rule that is the cause of others, down the whole chain.

    A cause is as urgent as what it does, so it leads over its effects whatever its own severity.

    Args:
        findings: Causes and effects.
        degree: How urgent a finding is by itself.
    """
    degrees: dict[str, int] = {}
    for finding in findings:
        for cause in _causes_of(finding, findings):
            degrees[cause.rule] = max(degrees.get(cause.rule, 0), degree(finding))
    return degrees


def _causes_of(finding: Diagnostic, findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    return causes_of(finding, findings, lambda one: one.rule, lambda one: one.caused_by or None)


def _weight(finding: Diagnostic) -> int:
    failing = matters(finding) and rule_of(finding.rule).fails_requests
    return _PER_RANK * rank(level(finding)) + _FAILING * failing


def _place(candidate: Candidate) -> int:
    return ISSUES.index(candidate.issue)


def issues_of(finding: Diagnostic | Finding) -> tuple[str, ...]:
    """Return the issue types that the finding's rule points to.

    A finding that matters but whose rule points to no issue type gets the default one.
    """
    found = rule_of(finding.rule).points_to
    if found is not None:
        return found
    if not matters(finding):
        return ()
    return (USUAL,)


def _slow(outcome: Outcome, slow_ms: float) -> list[Diagnostic]:
    """Return a clue for each slow service.

    One measurement is neither a percentile nor a finding, only a reason to examine it.
    """
    return [
        Diagnostic(
            severity="medium", rule=LATENCY_SINGLE, subject=one.label,
            message=rule_of(LATENCY_SINGLE).one.format(
                subject=one.label, took=latency(one.value, slow_ms), limit=latency(slow_ms)),
            measured=one.value, unit="ms",
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
        reason=ordered[0].finding.message
        + clause(_because(ordered[0].finding, issue), " (", ")")
        + and_others(ordered, thing="finding"),
        score=ordered[0].score + _PER_FINDING * min(len(ordered), _MOST_COUNTED),
        tenant=next(iter(tenants), None),
        rules=tuple(dict.fromkeys(one.finding.rule for one in ordered)),
    )


def _because(finding: Diagnostic, issue: str) -> str:
    if issue in issues_of(finding):
        return rule_of(finding.rule).issue_because
    return ""


def tenant_of(finding: Diagnostic | Finding | OpenFinding) -> str | None:
    """Return the tenant that a finding about limits names, if its subject is unambiguous; else None."""
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


def concerned(findings: Sequence[Diagnostic | Finding | OpenFinding]) -> str:
    """Return the tenant that the worst findings name; "" if they name none, so that no tenant is guessed."""
    most = max((rank(level(one)) for one in findings), default=0)
    named = [tenant_of(one) for one in findings if rank(level(one)) == most]
    return next((name for name in named if name), "")


FROM_FINDING = " (from the finding)"


def tenant_words(state: IncidentState, name: str) -> str:
    """Return a tenant's name; if the operator has not confirmed it, say that a finding names it."""
    if not name or name == state.tenant:
        return name
    return f"{name}{FROM_FINDING}"


def main_finding(state: IncidentState) -> Diagnostic | None:
    """Return the worst finding that the incident is about, the earliest of those; None before anything was found."""
    return next(iter(about(state)), None)


def about(state: IncidentState) -> tuple[Diagnostic, ...]:
    """Return the findings that the incident is about, the worst first.

    These are the findings that point to the chosen issue and, if one was chosen, name its tenant. Without a choice, or
    if nothing points to it, these are all findings.
    """
    found = _at_worst(state)
    choice = state.choice
    if choice is None:
        return found
    of_issue = tuple(one for one in found if choice.issue in issues_of(one))
    of_tenant = tuple(one for one in of_issue if choice.tenant is not None and tenant_of(one) == choice.tenant)
    return of_tenant or of_issue or found


def alarm(state: IncidentState) -> Outcome | None:
    """Return the findings that the incident was opened for, as an outcome; None without any."""
    found = tuple(
        Diagnostic(severity=one.severity, message=one.message or one.rule, rule=one.rule, subject=one.subject)
        for one in state.open_findings
    )
    if not found:
        return None
    return Outcome(verdict=worst(found), severity=worst(found), headline=found[0].message, findings=found)


def not_shown(alarm: Iterable[OpenFinding], findings: Iterable[Diagnostic], *, looked: bool) -> list[Diagnostic]:
    """Return the findings that the incident was opened for and that no step has shown, with their rules' titles.

    They are notes where steps have looked and found no fault: then the alarm is over.
    """
    findings = list(findings)
    shown, severity = {(one.rule, one.subject) for one in findings}, SCALE[MATTERS]
    if looked and not any(matters(one) for one in findings):
        severity = "low"
    return [
        Diagnostic(
            severity=severity, rule=one.rule, subject=one.subject, message=f"{one.subject}: {rule_of(one.rule).title}"
        )
        for one in alarm
        if (one.rule, one.subject) not in shown
    ]


def beginning(state: IncidentState) -> float | None:
    """Return the wall-clock seconds since when the main finding held, as shown when the incident opened.

    If that finding was not shown then, it is the earliest of those with the same severity, else of those that point to
    the same issues: a slow engine shows before the routes that wait for it. If no step found anything that needs
    action, it is that of the findings that the incident was opened for. None without any.
    """
    found = [one for one in about(state) if not rule_of(one.rule).needs_nothing]
    if not found:
        opened_on = (one for one in state.open_findings if not rule_of(one.rule).needs_nothing)
        return min((one.since for one in opened_on if one.since is not None), default=None)
    shown = {(one.rule, one.subject): one.since for one in state.open_findings if one.since is not None}
    main = found[0]
    if (main.rule, main.subject) in shown:
        return shown[main.rule, main.subject]
    as_bad = [one for one in found if rank(level(one)) == rank(level(main))]
    related = [one for one in found if set(issues_of(one)) & set(issues_of(main))]
    for group in (as_bad, related):
        times = [shown[key] for one in group if (key := (one.rule, one.subject)) in shown]
        if times:
            return min(times)
    return None


def worst_outcome(step: Step) -> Outcome | None:
    """Return the worst outcome of the step; its only outcome if it never found anything."""
    return step.worst or step.outcome


def _at_worst(state: IncidentState) -> tuple[Diagnostic, ...]:
    """Return all findings, each as first seen at its worst; the worst first, equal ones in the order of the steps.

    A cause counts as much as the worst of its effects, and comes before them. Of equal ones, what the incident was
    opened on comes first, and what is about few requests last.
    """
    known: dict[tuple[str, str], Diagnostic] = {}
    for one in _findings(state):
        key = one.rule, one.subject
        if key not in known or rank(level(one)) > rank(level(known[key])):
            known[key] = one
    findings = tuple(known.values())
    ranks = _of_effects(findings, lambda one: rank(level(one)))

    def urgency(one: Diagnostic) -> tuple[int, int, bool, bool]:
        degree = max(rank(level(one)), ranks.get(one.rule, 0))
        return -degree, len(_causes_of(one, findings)), *lead_order(one, opened_on(state))

    return tuple(sorted(findings, key=urgency))


def opened_on(state: IncidentState) -> tuple[str, str]:
    """Return the rule and subject of the finding that the incident was opened on; empty ones without any."""
    return next(((one.rule, one.subject) for one in state.open_findings), ("", ""))


def lead_order(one: Diagnostic, opened: tuple[str, str]) -> tuple[bool, bool]:
    """Return the sort key among findings of one severity, for ascending order.

    Args:
        one: A finding.
        opened: The rule and subject of the finding that leads.
    """
    return (one.rule, one.subject) != opened, is_of_few_requests(one.samples, one.measured_words)


def _findings(state: IncidentState) -> Iterator[Diagnostic]:
    """Yield the findings of every step: of its worst run first, then of the two kept beside it."""
    for step in state.steps:
        for outcome in (step.worst, step.before, step.outcome):
            if outcome is not None:
                yield from outcome.findings


def evident_issue(state: IncidentState) -> Candidate | None:
    """Return the issue that needs no question: what was acted on, else one that all findings point to."""
    pointed = [one for one in state.candidates if one.rules]
    done = {rule for record in state.action_records for rule in record.rules}
    if acted_on := [one for one in pointed if done & set(one.rules)]:
        return acted_on[0]
    if not pointed or any(set(one.rules) - set(pointed[0].rules) for one in pointed):
        return None
    return pointed[0]
