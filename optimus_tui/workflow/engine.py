"""The incident engine: ``reduce(state, event) -> (state, effects)``, replay, and the timeline's lines.

Pure; never raises.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import Comparison, IncidentState, Outcome, TimelineEntry, issue_words
from optimus_tui.contract.incident_events import AnyEffect, AnyEvent, EventRefused
from optimus_tui.wording.numbers import age, clause
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.wrapping import in_short
from optimus_tui.workflow import steps
from optimus_tui.workflow.proof import proof_words
from optimus_tui.workflow.ranking import tenant_words
from optimus_tui.workflow.side_effects import effects_of
from optimus_tui.workflow.standing import proved

TENANT = "tenant "
"""How the name of a tenant's measure of the impact begins; the tenant follows."""

Words = tuple[str, str]
CAPTURE_MINUTES = 10.0
MOST_ALARMS = 2
"""Alarms that the line of the opening names; more are counted, because its end would be cut."""
_AFTER_THE_END = (happened.NoteAdded, happened.Reopened, happened.Exported, happened.Resumed, happened.Captured,
                  happened.ImpactMeasured)  # fmt: skip


def entry(state: IncidentState, event: AnyEvent) -> TimelineEntry:
    """Return the line of ``event``, which led to ``state``."""
    mark, text = _LINES[type(event)](state, event)
    return TimelineEntry(event.at, mark, text)


def _title(state: IncidentState, name: str) -> str:
    step = state.step(name)
    if step is None:
        return name
    return step.plan.title


def _opened(state: IncidentState, event: happened.Opened) -> Words:
    alarms = clause("; ".join(event.alarms[:MOST_ALARMS]), ": ")
    if len(event.alarms) > MOST_ALARMS:
        alarms += f"; and {len(event.alarms) - MOST_ALARMS} more"
    tenant = clause(short_names(event.tenant or ""), " for ")
    return "open", f"{event.title or 'incident'} opened by {event.operator or 'somebody'}{tenant}{alarms}"


def _captured(state: IncidentState, event: happened.Captured) -> Words:
    minutes = max(0.0, event.until - event.since) / 60
    return "pin", f"history kept: {event.series} series of the last {age(minutes * 60)}"


def _started(state: IncidentState, event: happened.StepStarted) -> Words:
    step = state.step(event.step)
    if step is None:
        return "run", f"{event.step}: tool started"
    again = ""
    if step.runs > 1:
        again = " again"
    return "run", f"{step.plan.title} started{again}"


def _finished(state: IncidentState, event: happened.StepFinished) -> Words:
    step = state.step(event.step)
    change = ""
    if step is not None and step.change is not None:
        change = f" ({_change(step.change, event.outcome)})"
    effects = effects_of(state, step) if step is not None else {}
    beside = "".join(f"; {in_short(message)}: {words}" for message, words in effects.items())
    verdict = event.outcome.verdict.replace("_", " ")
    return "verdict", f"{_title(state, event.step)}: {verdict}, {event.outcome.headline}{change}{beside}"


def _change(change: Comparison, outcome: Outcome) -> str:
    """Return the verdict with its reason, without the finding that the line names already."""
    words = change.words
    if outcome.findings and outcome.findings[0].message:
        words = words.replace(outcome.findings[0].message, "").rstrip(": ")
    if words == change.verdict:
        return change.verdict
    return f"{change.verdict}{clause(words, ': ')}"


def _failed(state: IncidentState, event: happened.StepFailed) -> Words:
    return "fail", f"{_title(state, event.step)} has no result: {event.message}"


def _skipped(state: IncidentState, event: happened.StepSkipped) -> Words:
    return "skip", f"{_title(state, event.step)} skipped: {event.reason}"


def _done(state: IncidentState, event: happened.StepDone) -> Words:
    return "done", f"{_title(state, event.step)} done{clause(event.said, ': ')}"


def _chosen(state: IncidentState, event: happened.IssueChosen) -> Words:
    reason = ""
    if state.choice is not None:
        reason = clause(state.choice.reason, ": ")
    tenant = short_names(tenant_words(state, event.tenant or ""))
    return "choice", f"issue chosen: {issue_words(event.issue)}{clause(tenant, ' for ')}{reason}"


def _note(state: IncidentState, event: happened.NoteAdded) -> Words:
    if event.pane:
        return "pin", f"{event.pane}{clause(event.title, ', ')}: {event.text}"
    return "note", f"{event.operator or 'note'}: {event.text}"


def _marked(state: IncidentState, event: happened.AdviceMarked) -> Words:
    advice = next((one for one in state.advice if one.id == event.advice), None)
    action = event.advice
    if advice is not None:
        action = advice.action
    return "advice", f"{event.status}: {action}{clause(event.said, ' (', ')')}"


def _acted(state: IncidentState, event: happened.ActionDone) -> Words:
    receipt = event.receipt
    counts = ", ".join(f"{number:,} {word}" for word, number in receipt.counts.items())
    what = receipt.words or f"{receipt.kind} for {receipt.tenant}"
    if receipt.outside:
        return "action", f"done: {what}"
    return "action", f"{what}: {counts or 'nothing done'} of {receipt.planned:,} planned"


def _checked(state: IncidentState, event: happened.CheckFinished) -> Words:
    words = event.message or "no result"
    record = state.action_record(event.action_id)
    if record is not None:
        for check in record.checks:
            if check.step == event.step and check.change is not None:
                words = f"{check.change.verdict}, {check.change.words}"
    if record is not None and record.verdict is not None:
        words += f". In all: {proof_words(record)}"
    return "check", f"{_title(state, event.step)} checked again: {words}"


def _asked_again(state: IncidentState, event: happened.ChecksAsked) -> Words:
    return "step", f"checks run: {_action_words(state, event.action_id)}"


def _delayed(state: IncidentState, event: happened.ChecksDelayed) -> Words:
    return "step", f"{_action_words(state, event.action_id)}: late: {event.need}"


def _action_words(state: IncidentState, action_id: str) -> str:
    record = state.action_record(action_id)
    if record is None:
        return action_id
    return record.receipt.words or action_id


def measure_words(name: str) -> str:
    """Return the words for a measure of the impact; the name of a tenant stays unchanged."""
    if name.startswith(TENANT):
        return name
    return name.replace("_", " ")


def _impact(state: IncidentState, event: happened.ImpactMeasured) -> Words:
    return "verdict", f"impact, {measure_words(event.name)}: {event.outcome.headline}"


def _resumed(state: IncidentState, event: happened.Resumed) -> Words:
    return "open", f"resumed by {event.operator or 'somebody'}{clause(event.said, ': ')}"


def _moved(state: IncidentState, event: happened.SystemMoved) -> Words:
    return "open", f"{event.operator or 'somebody'} continues with the system at new addresses: {event.reason}"


def _closed(state: IncidentState, event: happened.Closed) -> Words:
    return "close", f"closed. Cause: {event.cause}. Resolution: {event.resolution}"


def _reopened(state: IncidentState, event: happened.Reopened) -> Words:
    return "open", f"reopened: {event.reason}"


def _exported(state: IncidentState, event: happened.Exported) -> Words:
    return "pin", f"post-mortem written to {event.place}"


_LINES: dict[type, Callable[[IncidentState, Any], Words]] = {
    happened.Opened: _opened,
    happened.Captured: _captured,
    happened.StepStarted: _started,
    happened.StepFinished: _finished,
    happened.StepFailed: _failed,
    happened.StepSkipped: _skipped,
    happened.StepDone: _done,
    happened.IssueChosen: _chosen,
    happened.NoteAdded: _note,
    happened.AdviceMarked: _marked,
    happened.ActionDone: _acted,
    happened.CheckFinished: _checked,
    happened.ChecksAsked: _asked_again,
    happened.ChecksDelayed: _delayed,
    happened.ImpactMeasured: _impact,
    happened.Resumed: _resumed,
    happened.SystemMoved: _moved,
    happened.Closed: _closed,
    happened.Reopened: _reopened,
    happened.Exported: _exported,
}


Reduced = tuple[IncidentState, tuple[AnyEffect, ...]]


def reduce(state: IncidentState, event: AnyEvent) -> Reduced:
    """Return the state after ``event`` and the effects to carry out."""
    reason = _why_not(state, event)
    if reason:
        return state, (EventRefused(reason=reason),)
    after, effects = _RULES[type(event)](state, event)
    if effects and isinstance(effects[-1], EventRefused):
        return state, effects
    line: TimelineEntry = entry(after, event)
    lines = after.timeline
    if isinstance(event, happened.ChecksDelayed) and lines and _same_wait(lines[-1], line):
        lines = lines[:-1]  # how much came by now replaces how much had come
    return replace(after, timeline=(*lines, line), events=state.events + 1), effects


def _same_wait(before: TimelineEntry, now: TimelineEntry) -> bool:
    what, late, _ = now.text.rpartition(": late: ")
    return before.mark == now.mark and before.text.startswith(what + late)


def replay(events: Iterable[AnyEvent], state: IncidentState | None = None) -> IncidentState:
    """Return the state after recorded events; their effects are not carried out."""
    now = state or IncidentState()
    for event in events:
        now, _ = reduce(now, event)
    return now


def refusal(effects: Iterable[AnyEffect]) -> str | None:
    """Return why the event was refused; None if it was accepted."""
    return next((one.reason for one in effects if isinstance(one, EventRefused)), None)


def _why_not(state: IncidentState, event: AnyEvent) -> str:
    if isinstance(event, happened.Opened):
        if state.status == "none":
            return ""
        return "the incident is open already"
    if state.status == "none":
        return "the incident has not been opened"
    if state.status == "closed" and not isinstance(event, _AFTER_THE_END):
        return f"incident {state.id} is closed; reopen it first"
    return ""


def _open(state: IncidentState, event: happened.Opened) -> Reduced:
    if not event.steps:
        return state, (EventRefused(reason="the playbook has no steps"),)
    if len({plan.id for plan in event.steps}) != len(event.steps):
        return state, (EventRefused(reason="two steps of the playbook have the same id"),)
    opened = IncidentState(
        id=event.id,
        title=event.title,
        environment=event.environment,
        system=event.system,
        operator=event.operator,
        playbook=event.playbook,
        tenant=event.tenant,
        status="open",
        slow_ms=event.slow_ms,
        writable_layout=event.writable_layout,
        opened=event.at,
        began=event.began,
        began_given=event.began is not None,
        open_findings=event.open_findings,
        steps=tuple(shapes.Step(plan=plan) for plan in event.steps),
        team=event.team,
    )
    return opened, (happened.CaptureHistory(minutes=CAPTURE_MINUTES),)


def _capture(state: IncidentState, event: happened.Captured) -> Reduced:
    kept = shapes.Capture(
        at=event.at, evidence=event.evidence, since=event.since, until=event.until, series=event.series
    )
    return replace(state, captures=(*state.captures, kept)), ()


def _on_note(state: IncidentState, event: happened.NoteAdded) -> Reduced:
    if not event.text.strip():
        return state, (EventRefused(reason="the note has no text"),)
    note = shapes.Note(at=event.at, text=event.text, pane=event.pane, title=event.title, operator=event.operator)
    return replace(state, notes=(*state.notes, note)), ()


def _on_impact(state: IncidentState, event: happened.ImpactMeasured) -> Reduced:
    others = tuple(one for one in state.impact if one.name != event.name)
    measure = shapes.Measure(name=event.name, outcome=event.outcome, evidence=event.evidence)
    return replace(state, impact=(*others, measure)), ()


def _check(state: IncidentState, event: happened.CheckFinished) -> Reduced:
    """Record a check's answer. It proves no repair while a step that was run again says otherwise."""
    after, effects = steps.check(state, event)
    if after is not state:
        after = replace(after, repaired=proved(after, event.at))
    return after, effects


def _resume(state: IncidentState, event: happened.Resumed) -> Reduced:
    """Free what was running when its process ended: it has no result."""
    freed = []
    for step in state.steps:
        if step.status == "running":
            step = replace(step, status="waiting", said="interrupted: its process ended while it ran")
        freed.append(step)
    return steps.give_up(replace(state, steps=tuple(freed), operator=event.operator or state.operator)), ()


def _move(state: IncidentState, event: happened.SystemMoved) -> Reduced:
    if not event.reason.strip():
        return state, (EventRefused(reason="continuing with a system at new addresses needs a reason"),)
    return replace(state, system=event.system), ()


def _close(state: IncidentState, event: happened.Closed) -> Reduced:
    if not event.cause.strip() or not event.resolution.strip():
        return state, (EventRefused(reason="closing needs both the cause and the resolution"),)
    if state.running is not None:
        return state, (EventRefused(reason=f"{state.running.plan.title} is still running"),)
    state = steps.end_checks(state)
    return replace(state, status="closed", closed=event.at, cause=event.cause, resolution=event.resolution), ()


def _reopen(state: IncidentState, event: happened.Reopened) -> Reduced:
    if state.status != "closed":
        return state, (EventRefused(reason="the incident is open"),)
    if not event.reason.strip():
        return state, (EventRefused(reason="reopening an incident needs a reason"),)
    return replace(state, status="open", closed=None, repaired=None, cause="", resolution="", exported=False), ()


def _export(state: IncidentState, event: happened.Exported) -> Reduced:
    return replace(state, exported=state.status == "closed"), ()


_RULES: dict[type, Callable[[IncidentState, Any], Reduced]] = {
    happened.Opened: _open,
    happened.Captured: _capture,
    happened.StepStarted: steps.start,
    happened.StepFinished: steps.finish,
    happened.StepFailed: steps.fail,
    happened.StepSkipped: steps.skip,
    happened.StepDone: steps.done,
    happened.IssueChosen: steps.choose,
    happened.NoteAdded: _on_note,
    happened.AdviceMarked: steps.mark,
    happened.ActionDone: steps.act,
    happened.CheckFinished: _check,
    happened.ChecksAsked: steps.ask_again,
    happened.ChecksDelayed: steps.delay,
    happened.ImpactMeasured: _on_impact,
    happened.Resumed: _resume,
    happened.SystemMoved: _move,
    happened.Closed: _close,
    happened.Reopened: _reopen,
    happened.Exported: _export,
}
