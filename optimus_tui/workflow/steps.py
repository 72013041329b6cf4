"""How events change the steps: run, run again and compare, skip, bring forward, choose an issue. Pure."""

from typing import Any

from msgspec.structs import replace

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import ISSUES, IncidentState, Outcome, Step
from optimus_tui.contract.incident_events import AnyEffect, EventRefused
from optimus_tui.workflow.outcomes.outcome_diff import compare
from optimus_tui.workflow.ranking import rank_issues, tenant_of
from optimus_tui.workflow.recommendations import advise
from optimus_tui.workflow.severity import rank, worse_of
from optimus_tui.workflow.standing import proved
from optimus_tui.workflow.subject import beginning

Reduced = tuple[IncidentState, tuple[AnyEffect, ...]]


def arguments_of(state: IncidentState, step: Step) -> dict[str, Any]:
    """Return the arguments for the step's tool: those of the plan, with the chosen issue and tenant."""
    arguments = dict(step.plan.arguments)
    if step.plan.choose_issue and state.choice is not None:
        arguments["issue_type"] = state.choice.issue
        if state.choice.tenant:
            arguments["tenant_id"] = state.choice.tenant
    return arguments


def put(state: IncidentState, step: Step) -> IncidentState:
    """Return the state with this step replaced, and the recommendations that follow from it."""
    steps = tuple(step if one.plan.id == step.plan.id else one for one in state.steps)
    tenant = None
    if state.choice is not None:
        tenant = state.choice.tenant
    return replace(state, steps=steps, advice=advise(steps, state.team, state.advice, tenant))


def start(state: IncidentState, event: happened.StepStarted) -> Reduced:
    """Start the step's tool."""
    step, running = state.step(event.step), state.running
    if step is None:
        return _refuse(f"there is no step {event.step!r}; there are {_names(state)}", state)
    if running is not None:
        return _refuse(f"{running.plan.title} is still running", state)
    if step.plan.kind != "tool":
        return _refuse(f"{step.plan.title} runs no tool: it is done by hand", state)
    if step.plan.choose_issue and state.choice is None:
        return state, (happened.AskIssue(candidates=state.candidates), EventRefused(reason=_ASK))
    arguments = arguments_of(state, step)
    before = None
    if step.arguments == arguments:
        before = step.outcome
    begun = replace(
        step,
        status="running",
        runs=step.runs + 1,
        arguments=arguments,
        started=event.at,
        ended=None,
        said="",
        before=before,
        change=None,
    )
    return put(state, begun), (happened.RunTool(step=step.plan.id, tool=step.plan.tool, arguments=arguments),)


_ASK = "first choose which issue to examine"


def finish(state: IncidentState, event: happened.StepFinished) -> Reduced:
    """Take the tool's outcome: severity, tenants, issues to examine, and which steps come forward."""
    step = state.step(event.step)
    if step is None or step.status != "running":
        return _refuse(f"step {event.step!r} is not running", state)
    change = None
    if step.before is not None:
        change = compare(step.before, event.outcome)
    ended = replace(
        step, status="done", ended=event.at, took_ms=event.took_ms, outcome=event.outcome, evidence=event.evidence,
        change=change, worst=_worst(step.worst, event.outcome),
    )  # fmt: skip
    named = [name for one in event.outcome.findings if (name := tenant_of(one)) is not None]
    after = put(state, ended)
    after = replace(
        after,
        severity=worse_of(state.severity, event.outcome.severity),
        tenants=tuple(dict.fromkeys((*state.tenants, *named)))[:50],
    )
    if change is not None:
        after = replace(after, repaired=proved(after, event.at))
    if state.steps and step.plan.id == _first(state):
        after = replace(after, candidates=rank_issues(event.outcome, state.slow_ms))
    after = _bring_forward(_dated(after), ended)
    coming = after.next
    if coming is not None and coming.plan.choose_issue and after.choice is None and after.candidates:
        return after, (happened.AskIssue(candidates=after.candidates),)
    return after, ()


def _worst(known: Outcome | None, now: Outcome) -> Outcome | None:
    least = 0
    if known is not None:
        least = rank(known.severity)
    if rank(now.severity) > least:
        return now
    return known


def _dated(state: IncidentState) -> IncidentState:
    """Return the state with the beginning that follows from its main finding; a beginning that was given stays."""
    if state.began_given:
        return state
    return replace(state, began=beginning(state))


def _first(state: IncidentState) -> str:
    """Return the step whose findings are ranked: the first one with a tool."""
    return next((step.plan.id for step in state.steps if step.plan.kind == "tool"), "")


def _bring_forward(state: IncidentState, after: Step) -> IncidentState:
    """Move waiting steps that name a rule which was found directly after this one."""
    if after.outcome is None:
        return state
    rules = {one.rule for one in after.outcome.findings}
    wanted = [one for one in state.steps if one.status == "waiting" and rules & set(one.plan.first_when)]
    if not wanted:
        return state
    ordered: list[Step] = []
    for one in state.steps:
        if one not in wanted:
            ordered.append(one)
        if one.plan.id == after.plan.id:
            ordered += wanted
    return replace(state, steps=tuple(ordered))


def fail(state: IncidentState, event: happened.StepFailed) -> Reduced:
    """Mark the step as failed; what an earlier run found stays."""
    step = state.step(event.step)
    if step is None or step.status != "running":
        return _refuse(f"step {event.step!r} is not running", state)
    return put(state, replace(step, status="failed", ended=event.at, said=event.message)), ()


def skip(state: IncidentState, event: happened.StepSkipped) -> Reduced:
    """Skip a step, with a reason."""
    step = state.step(event.step)
    if step is None or step.status not in ("waiting", "failed"):
        return _refuse(f"step {event.step!r} cannot be skipped: it is not waiting", state)
    if not event.reason.strip():
        return _refuse("skipping a step needs a reason", state)
    return put(state, replace(step, status="skipped", ended=event.at, said=event.reason)), ()


def done(state: IncidentState, event: happened.StepDone) -> Reduced:
    """Mark a step without a tool as done."""
    step = state.step(event.step)
    if step is None or step.plan.kind == "tool":
        return _refuse(f"step {event.step!r} is not one that is done by hand", state)
    return put(state, replace(step, status="done", ended=event.at, said=event.said)), ()


def choose(state: IncidentState, event: happened.IssueChosen) -> Reduced:
    """Set the chosen issue. A step that examined another one has to be run again."""
    if event.issue not in ISSUES:
        return _refuse(f"there is no issue type {event.issue!r}; there are {', '.join(ISSUES)}", state)
    if any(step.plan.choose_issue and step.status == "running" for step in state.steps):
        return _refuse("the step that looks at it is running", state)
    if not any(step.plan.choose_issue for step in state.steps):
        return _refuse("this playbook has no step that looks at an issue type", state)
    reason = event.reason or next((one.reason for one in state.candidates if one.issue == event.issue), "")
    chosen = replace(state, choice=shapes.IssueChoice(issue=event.issue, tenant=event.tenant, reason=reason))
    for step in chosen.steps:
        if step.plan.choose_issue and step.status == "done" and step.arguments != arguments_of(chosen, step):
            chosen = put(chosen, replace(step, status="waiting"))
    return _dated(chosen), ()


def _refuse(reason: str, state: IncidentState) -> Reduced:
    return state, (EventRefused(reason=reason),)


def _names(state: IncidentState) -> str:
    return ", ".join(step.plan.id for step in state.steps)
