"""What an incident is about: the findings of the chosen issue, as they were at their worst. Pure.

A step that is run again after the repair finds something else, often what is still counted from before. That is a later
result and never what the incident is about.
"""

from collections.abc import Iterator

from optimus_tui.contract.incident import IncidentState, Outcome, Step
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.workflow.ranking import issues_of, tenant_of
from optimus_tui.workflow.severity import level, rank


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


def beginning(state: IncidentState) -> float | None:
    """Return the wall-clock seconds since when the main finding held, as shown when the incident opened.

    If that finding was not shown then, take the earliest of those that are as severe, else of those that point to the
    same issues: a slow engine is seen before the routes that wait for it. None without any.
    """
    found = about(state)
    if not found:
        return None
    shown = {(one.rule, one.subject): one.since for one in state.open_findings}
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
    """Return the outcome of the step at its worst; its only outcome if it never found anything."""
    return step.worst or step.outcome


def _at_worst(state: IncidentState) -> tuple[Diagnostic, ...]:
    """Return all findings, each as first seen at its worst; the worst first, equal ones in the order of the steps."""
    known: dict[tuple[str, str], Diagnostic] = {}
    for one in _findings(state):
        key = one.rule, one.subject
        if key not in known or rank(level(one)) > rank(level(known[key])):
            known[key] = one
    return tuple(sorted(known.values(), key=lambda one: -rank(level(one))))


def _findings(state: IncidentState) -> Iterator[Diagnostic]:
    """Yield the findings of every step: of its worst run first, then of the two kept beside it."""
    for step in state.steps:
        for outcome in (step.worst, step.before, step.outcome):
            if outcome is not None:
                yield from outcome.findings
