"""How events change the steps: run, run again and compare, skip, bring forward, choose an issue, act. Pure."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.finding_rules import rules_cured_by
from optimus_tui.contract.incident import ISSUES, ActionRecord, Check, Comparison, IncidentState, Outcome, Step, Verdict
from optimus_tui.contract.incident_events import AnyEffect, EventRefused, RunTool
from optimus_tui.workflow.outcomes import compare, overall
from optimus_tui.workflow.proof import SETTLE_SECONDS, acted_at, confirmed_at, need_for, too_early
from optimus_tui.workflow.ranking import alarm, beginning, concerned, matters, rank, rank_issues, tenant_of, worse_of
from optimus_tui.workflow.recommendations import advise
from optimus_tui.workflow.side_effects import found_before, is_effect_at, without_effects
from optimus_tui.workflow.standing import proved

Reduced = tuple[IncidentState, tuple[AnyEffect, ...]]


def arguments_of(state: IncidentState, step: Step) -> dict[str, Any]:
    """Return the arguments for the step's tool: those of the plan, with the chosen issue and the tenant concerned."""
    arguments = dict(step.plan.arguments)
    tenant = state.tenant or concerned(state.open_findings)
    if tenant and step.plan.tool in _OF_TENANT:
        arguments.setdefault("tenant_id", tenant)
    if step.plan.choose_issue and state.choice is not None:
        arguments["issue_type"] = state.choice.issue
        if state.choice.tenant:
            arguments["tenant_id"] = state.choice.tenant
    return arguments


_OF_TENANT = ("diagnose_gateway_health", "troubleshoot_production_issue")
"""Tools that look closer at one tenant, and at everything else besides."""


def put(state: IncidentState, step: Step) -> IncidentState:
    """Return the state with this step replaced, and with the resulting recommendations."""
    steps = tuple(step if one.plan.id == step.plan.id else one for one in state.steps)
    tenant = state.tenant
    if state.choice is not None:
        tenant = state.choice.tenant
    advised = tuple(_without_effects(state, one) for one in steps)
    advice = advise(
        advised, state.team, state.advice, tenant, state.open_findings, writable_layout=state.writable_layout
    )
    return replace(state, steps=steps, advice=advice)


def _without_effects(state: IncidentState, step: Step) -> Step:
    """Return the step without side effects of an action: they end by themselves, so nothing is recommended for them."""
    if step.outcome is None or step.ended is None or not state.action_records:
        return step
    return replace(step, outcome=without_effects(step.outcome, is_effect_at(state, step.ended.wall)))


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
        if step.change is not None and step.change.verdict == "too early":
            before = step.before
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
    since = None
    if before is not None and state.action_records:
        since = max(one.since for one in state.action_records) or None
    return put(state, begun), (
        happened.RunTool(step=step.plan.id, tool=step.plan.tool, arguments=arguments, since=since),
    )


_ASK = "first choose which issue to examine"


def finish(state: IncidentState, event: happened.StepFinished) -> Reduced:
    """Apply the tool's outcome: severity, tenants, issues to examine, and steps that are moved forward."""
    step = state.step(event.step)
    if step is None or step.status != "running":
        return _refuse(f"step {event.step!r} is not running", state)
    change, is_effect = None, is_effect_at(state, event.at.wall)
    judged = without_effects(event.outcome, is_effect)
    if step.before is not None:
        change = compare(without_effects(step.before, is_effect), judged)
        if early := too_early(state, event.at.wall):
            change = Comparison(verdict="too early", words=early.removeprefix("late: "), figures=change.figures)
    ended = replace(
        step, status="done", ended=event.at, took_ms=event.took_ms, outcome=event.outcome, evidence=event.evidence,
        change=change, worst=_worst(step.worst, judged),
    )  # fmt: skip
    named = [name for one in judged.findings if (name := tenant_of(one)) is not None]
    after = put(state, ended)
    after = replace(
        after,
        severity=worse_of(state.severity, judged.severity),
        tenants=tuple(dict.fromkeys((*state.tenants, *named)))[:50],
    )
    if change is not None:
        after = replace(after, repaired=proved(after, event.at))
    if state.steps and step.plan.id == _first(state):
        after = replace(after, candidates=rank_issues(judged, state.slow_ms))
    after = _bring_forward(_dated(after), ended, judged)
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


def _bring_forward(state: IncidentState, after: Step, judged: Outcome) -> IncidentState:
    """Move waiting steps that name a rule which was found directly after this one."""
    rules = {one.rule for one in judged.findings}
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
    """Mark the step as failed; the outcome of an earlier run stays."""
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
    """Set the chosen issue. A step that examined another issue must be run again."""
    if event.issue not in ISSUES:
        return _refuse(f"there is no issue type {event.issue!r}; there are {', '.join(ISSUES)}", state)
    if any(step.plan.choose_issue and step.status == "running" for step in state.steps):
        return _refuse("the step that examines it is running", state)
    if not any(step.plan.choose_issue for step in state.steps):
        return _refuse("this playbook has no step that examines an issue", state)
    reason = event.reason or next((one.reason for one in state.candidates if one.issue == event.issue), "")
    tenant = event.tenant or state.tenant
    chosen = replace(state, choice=shapes.IssueChoice(issue=event.issue, tenant=tenant, reason=reason))
    for step in chosen.steps:
        if step.plan.choose_issue and step.status == "done" and step.arguments != arguments_of(chosen, step):
            chosen = put(chosen, replace(step, status="waiting"))
    return _dated(chosen), ()


def _refuse(reason: str, state: IncidentState) -> Reduced:
    return state, (EventRefused(reason=reason),)


def _names(state: IncidentState) -> str:
    return ", ".join(step.plan.id for step in state.steps)


_LOST = Comparison(verdict="unknown", words="the check was interrupted")
_CLOSED = Comparison(verdict="unknown", words="the incident was closed before a check proved it")


def mark(state: IncidentState, event: happened.AdviceMarked) -> Reduced:
    """Mark a recommendation as done by hand, dismissed, or open again."""
    if not any(one.id == event.advice for one in state.advice):
        return state, (EventRefused(reason=f"there is no recommendation {event.advice!r}"),)
    if event.status == "dismissed" and not event.said.strip():
        return state, (EventRefused(reason="dismissing a recommendation needs a reason"),)
    return _marked(state, event.advice, event.status, event.said), ()


def act(state: IncidentState, event: happened.ActionDone) -> Reduced:
    """Record the receipt, and run every tool again that showed its target, as soon as that can prove something."""
    receipt = event.receipt
    if state.action_record(receipt.action_id) is not None:
        return state, (EventRefused(reason=f"action {receipt.action_id!r} is recorded already"),)
    advice, name, rules = _advice(state, event), event.advice, event.rules
    if advice is not None:
        name, rules = advice.id, rules or advice.rules
    rules = rules or rules_cured_by(receipt.kind) or _matter(state)
    verdict: Verdict | None = None
    steps, opened_for = _showing(state, set(rules)), None
    if not steps and (opened_for := alarm(state)) is not None:  # no step has a result: the alarm was to be fixed
        rules = rules or tuple(dict.fromkeys(one.rule for one in opened_for.findings))
        steps = [
            replace(one, arguments=arguments_of(state, one)) for one in state.steps if one.plan.id == _first(state)
        ]
    if not steps:
        verdict = "unknown"
    record = ActionRecord(
        at=event.at, receipt=receipt, advice=name, rules=rules,
        checks=tuple(Check(step=one.plan.id, before=opened_for or _aimed(state, one, set(rules))) for one in steps),
        verdict=verdict, pace=event.pace,
    )  # fmt: skip
    record = replace(record, found=found_before(state, confirmed_at(record)))
    record, effects = _timed(record, steps)
    after = replace(state, action_records=(*state.action_records, record))
    if advice is not None:
        after = _marked(after, advice.id, "done", receipt.words)
    return after, effects


def _timed(record: ActionRecord, steps: list[Step]) -> tuple[ActionRecord, tuple[AnyEffect, ...]]:
    """Return the record with the time from which it is checked, and the first checks if it needs no more data."""
    since, need = acted_at(record), need_for(record)
    record = replace(record, since=since)
    if not need.seconds or not steps:
        return record, _asked(steps, record)
    since += SETTLE_SECONDS
    return replace(record, since=since, due=since + need.seconds, need=need.words()), ()


def _matter(state: IncidentState) -> tuple[str, ...]:
    """Return the rules of all findings that matter, for a remedy that no recommendation named."""
    outcomes = [step.outcome for step in state.steps if step.outcome is not None]
    found = [one.rule for of in outcomes for one in of.findings if matters(one)]
    return tuple(dict.fromkeys(found))


def _shown(step: Step, rules: set[str]) -> Outcome | None:
    """Return the outcome in which the step showed one of these rules: its last one, the one before, or its worst.

    A step that was run again between the fault and the remedy may no longer show it.
    """
    return next((one for one in (step.outcome, step.before, step.worst) if _shows(one, rules)), step.outcome)


def _shows(outcome: Outcome | None, rules: set[str]) -> bool:
    """Return True if an outcome has a finding of one of these rules."""
    return outcome is not None and not rules.isdisjoint(one.rule for one in outcome.findings)


def _aimed(state: IncidentState, step: Step, rules: set[str]) -> Outcome | None:
    """Return what the step showed of these rules; where it showed none, what the incident was opened on, if of them."""
    shown, opened_on = _shown(step, rules), alarm(state)
    if _shows(opened_on, rules) and not _shows(shown, rules):
        return opened_on
    return shown


def delay(state: IncidentState, event: happened.ChecksDelayed) -> Reduced:
    """Postpone the checks of an action, because too little was recorded since for a proof."""
    record = state.action_record(event.action_id)
    if record is None or record.due is None:
        return state, (EventRefused(reason=f"no check of {event.action_id!r} is waiting"),)
    late = replace(record, due=event.due, need=event.need, late=True)
    after = replace(state, action_records=_with(state, late))
    words = too_early(after, event.at.wall).removeprefix("late: ")
    return replace(after, steps=tuple(_with_promise(one, words) for one in after.steps)), ()


def ask_again(state: IncidentState, event: happened.ChecksAsked) -> Reduced:
    """Run the checks of an action against the findings before it."""
    record = state.action_record(event.action_id)
    if record is None or not record.checks:
        return state, (EventRefused(reason=f"action {event.action_id!r} has no checks to run again"),)
    if record.verdict is None and record.due is None:
        return state, (EventRefused(reason="its checks are running"),)
    waiting = replace(
        record, verdict=None, due=None, late=False, checks=tuple(replace(one, change=None) for one in record.checks)
    )
    steps = [step for one in record.checks if (step := state.step(one.step)) is not None]
    steps = [step if step.runs else replace(step, arguments=arguments_of(state, step)) for step in steps]
    counted = replace(waiting, since=event.since or record.since)
    return replace(state, action_records=_with(state, waiting)), _asked(steps, counted)


def _asked(steps: list[Step], record: ActionRecord) -> tuple[AnyEffect, ...]:
    action_id, since = record.receipt.action_id, record.since or None
    return tuple(
        RunTool(step=step.plan.id, tool=step.plan.tool, arguments=step.arguments, action_id=action_id, since=since)
        for step in steps
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
    """Compare the tool's present outcome with the one before the action."""
    record = state.action_record(event.action_id)
    step = state.step(event.step)
    if record is None or step is None:
        return state, (EventRefused(reason=f"no check of {event.step!r} was asked for"),)
    open_check = next((one for one in record.checks if one.step == event.step and one.change is None), None)
    if open_check is None:
        return state, (EventRefused(reason=f"the check of {event.step!r} has answered already"),)
    before = open_check.before or step.outcome
    if event.outcome is None or before is None:
        change = Comparison(verdict="unknown", words=event.message or "the check had no result")
    else:
        change = compare(before, event.outcome, record.rules, record.receipt.restarts)
    state = _after_early(state, step, event, change)
    return _settled(state, _answered(record, event.step, change, event.evidence, event.at), event.at), ()


def _after_early(state: IncidentState, step: Step, event: happened.CheckFinished, change: Comparison) -> IncidentState:
    """Let a check, which is a run of the same tool, replace a run of the step that was too early to prove anything."""
    if step.status != "done" or step.change is None or step.change.verdict != "too early":
        return state
    if event.outcome is None:
        return put(state, replace(step, change=change))
    return put(
        state,
        replace(step, outcome=event.outcome, evidence=event.evidence or step.evidence, ended=event.at, change=change),
    )


def give_up(state: IncidentState) -> IncidentState:
    """Mark checks that ran in a dead process as "unknown"; those that wait for their time keep waiting."""
    return _without_answer(state, [one for one in state.action_records if one.due is None], _LOST)


def end_checks(state: IncidentState) -> IncidentState:
    """Return the state with unanswered checks marked "unknown", because none is answered after the closing."""
    return _without_answer(state, state.action_records, _CLOSED)


def _without_answer(state: IncidentState, records: Iterable[ActionRecord], change: Comparison) -> IncidentState:
    for record in records:
        for one in record.checks:
            if one.change is None:
                record = _answered(record, one.step, change, None, None)
        steps = tuple(_with_promise(one, _RAN_EARLY) if record.verdict else one for one in state.steps)
        state = replace(state, action_records=_with(state, record), steps=steps)
    return state


def _showing(state: IncidentState, rules: set[str]) -> list[Step]:
    """Return the steps whose tool showed one of these rules; without any, the first step that ran a tool."""
    asked = [step for step in state.steps if step.plan.kind == "tool" and step.outcome is not None]
    return [step for step in asked if _shows(_shown(step, rules), rules)] or asked[:1]


def _answered(
    record: ActionRecord, step: str, change: Comparison, evidence: shapes.Evidence | None, at: shapes.Stamp | None
) -> ActionRecord:
    checks = tuple(
        replace(one, change=change, evidence=evidence, at=at) if one.step == step and one.change is None else one
        for one in record.checks
    )
    verdict = overall(checks)
    proved_at = record.proved
    if verdict == "fixed":
        proved_at = proved_at or at
    elif verdict is not None:
        proved_at = None
    return replace(record, checks=checks, verdict=verdict, due=None, late=False, proved=proved_at)


def _settled(state: IncidentState, record: ActionRecord, at: shapes.Stamp) -> IncidentState:
    after = replace(state, action_records=_with(state, record))
    if record.verdict is not None:
        after = replace(after, steps=tuple(_with_promise(one, _RAN_EARLY) for one in after.steps))
    if record.verdict == "fixed":
        return replace(after, repaired=state.repaired or at)
    if record.verdict == "worse":
        return replace(after, repaired=None)
    return after


def _with_promise(step: Step, words: str) -> Step:
    """Return a step that ran too early with the promise of a proof as it is now, or once the checks have answered."""
    if step.change is None or step.change.verdict != "too early":
        return step
    return replace(step, change=replace(step.change, words=words))


_RAN_EARLY = "it ran before a proof was possible; r runs it again"


def _with(state: IncidentState, record: ActionRecord) -> tuple[ActionRecord, ...]:
    return tuple(record if one.receipt.action_id == record.receipt.action_id else one for one in state.action_records)


def _marked(state: IncidentState, name: str, status: str, said: str) -> IncidentState:
    advice = tuple(replace(one, status=status, said=said) if one.id == name else one for one in state.advice)
    return replace(state, advice=advice)
