"""What follows from acting: recommendations marked, actions recorded, and the checks that run again. Pure."""

from msgspec.structs import replace

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.finding_rules import rules_cured_by
from optimus_tui.contract.incident import ActionRecord, Check, Comparison, IncidentState, Step, Verdict
from optimus_tui.contract.incident_events import AnyEffect, EventRefused, RunTool
from optimus_tui.workflow.outcomes.outcome_diff import compare, overall

Reduced = tuple[IncidentState, tuple[AnyEffect, ...]]
_LOST = Comparison(verdict="unknown", words="the check was interrupted")


def mark(state: IncidentState, event: happened.AdviceMarked) -> Reduced:
    """Mark a recommendation as done by hand, dismissed, or open again."""
    if not any(one.id == event.advice for one in state.advice):
        return state, (EventRefused(reason=f"there is no recommendation {event.advice!r}"),)
    if event.status == "dismissed" and not event.said.strip():
        return state, (EventRefused(reason="dismissing a recommendation needs a reason"),)
    return _marked(state, event.advice, event.status, event.said), ()


def act(state: IncidentState, event: happened.ActionDone) -> Reduced:
    """Record the receipt and run again every tool that showed what the action was to fix."""
    receipt = event.receipt
    if any(one.receipt.action_id == receipt.action_id for one in state.action_records):
        return state, (EventRefused(reason=f"action {receipt.action_id!r} is recorded already"),)
    advice, name, rules = _advice(state, event), event.advice, event.rules
    if advice is not None:
        name, rules = advice.id, rules or advice.rules
    rules = rules or rules_cured_by(receipt.kind)
    verdict: Verdict | None = None
    steps = _showing(state, set(rules))
    if not steps:
        verdict = "unknown"
    record = ActionRecord(
        at=event.at, receipt=receipt, advice=name, rules=rules,
        checks=tuple(Check(step=step.plan.id, before=step.outcome) for step in steps),
        verdict=verdict,
    )  # fmt: skip
    after = replace(state, action_records=(*state.action_records, record))
    if advice is not None:
        after = _marked(after, advice.id, "done", receipt.words)
    return after, _asked(steps, receipt.action_id)


def ask_again(state: IncidentState, event: happened.ChecksAsked) -> Reduced:
    """Run the same checks against the same findings again."""
    record = next((one for one in state.action_records if one.receipt.action_id == event.action_id), None)
    if record is None or not record.checks:
        return state, (EventRefused(reason=f"action {event.action_id!r} has no checks to run again"),)
    if record.verdict is None:
        return state, (EventRefused(reason="its checks are running"),)
    waiting = replace(record, verdict=None, checks=tuple(replace(one, change=None) for one in record.checks))
    steps = [step for one in record.checks if (step := state.step(one.step)) is not None]
    return replace(state, action_records=_with(state, waiting)), _asked(steps, event.action_id)


def _asked(steps: list[Step], action_id: str) -> tuple[AnyEffect, ...]:
    return tuple(
        RunTool(step=step.plan.id, tool=step.plan.tool, arguments=step.arguments, action_id=action_id) for step in steps
    )


def _advice(state: IncidentState, event: happened.ActionDone) -> shapes.Advice | None:
    """Return the recommendation that was followed.

    It is the named one, else the open one for this kind of action and tenant.
    """
    if event.advice:
        return next((one for one in state.advice if one.id == event.advice), None)
    followed = (event.receipt.kind, event.receipt.tenant)
    return next((one for one in state.advice if one.status == "open" and (one.kind, one.tenant) == followed), None)


def check(state: IncidentState, event: happened.CheckFinished) -> Reduced:
    """Compare what the tool says now with what it said before the action."""
    record = next((one for one in state.action_records if one.receipt.action_id == event.action_id), None)
    step = state.step(event.step)
    if record is None or step is None or step.outcome is None:
        return state, (EventRefused(reason=f"no check of {event.step!r} was asked for"),)
    open_check = next((one for one in record.checks if one.step == event.step and one.change is None), None)
    if open_check is None:
        return state, (EventRefused(reason=f"the check of {event.step!r} has answered already"),)
    if event.outcome is None:
        change = Comparison(verdict="unknown", words=event.message or "the check had no result")
    else:
        change = compare(open_check.before or step.outcome, event.outcome, record.rules, event.at.wall - record.at.wall)
    return _settled(state, _answered(record, event.step, change, event.evidence), event.at), ()


def give_up(state: IncidentState) -> IncidentState:
    """Mark checks that ran in a dead process as "unknown"."""
    for record in state.action_records:
        for one in record.checks:
            if one.change is None:
                record = _answered(record, one.step, _LOST, None)
        state = replace(state, action_records=_with(state, record))
    return state


def _showing(state: IncidentState, rules: set[str]) -> list[Step]:
    """Return the steps whose tool showed one of these rules; without any, the first step that ran a tool."""
    asked = [step for step in state.steps if step.plan.kind == "tool" and step.outcome is not None]
    showing = [step for step in asked if step.outcome and rules & {one.rule for one in step.outcome.findings}]
    return showing or asked[:1]


def _answered(record: ActionRecord, step: str, change: Comparison, evidence: shapes.Evidence | None) -> ActionRecord:
    checks = tuple(
        replace(one, change=change, evidence=evidence) if one.step == step and one.change is None else one
        for one in record.checks
    )
    return replace(record, checks=checks, verdict=overall(checks))


def _settled(state: IncidentState, record: ActionRecord, at: shapes.Stamp) -> IncidentState:
    after = replace(state, action_records=_with(state, record))
    if record.verdict == "fixed":
        return replace(after, repaired=state.repaired or at)
    if record.verdict == "worse":
        return replace(after, repaired=None)
    return after


def _with(state: IncidentState, record: ActionRecord) -> tuple[ActionRecord, ...]:
    return tuple(record if one.receipt.action_id == record.receipt.action_id else one for one in state.action_records)


def _marked(state: IncidentState, name: str, status: str, said: str) -> IncidentState:
    advice = tuple(replace(one, status=status, said=said) if one.id == name else one for one in state.advice)
    return replace(state, advice=advice)
